import eslint from "@eslint/js";
import { defineConfig } from "eslint/config";
import tseslint from "typescript-eslint";

/**
 * The floors of the product, from the ground up: what each may import beside itself. Nothing imports from above it.
 * `typed`: takes no `!` and no `as never`. `types`: of these the types alone. `sdk`: whether it may load the Pulumi SDK, which takes half a second; @default all of it.
 */
export const floors = {
  base: { imports: [], sdk: "none" },
  mesh: { imports: ["base"], sdk: "none" },
  settings: { imports: ["base", "mesh"], sdk: "none" },
  cluster: { imports: ["base", "settings"], sdk: "none" },
  components: { imports: ["base", "mesh", "settings", "cluster"] },
  plugin: { imports: ["components"] },
  verify: { imports: ["base", "mesh", "settings", "cluster"], sdk: "none" },
  stacks: { imports: ["base", "mesh", "components", "settings", "verify"] },
  adoption: { imports: ["base", "mesh", "settings", "cluster", "verify"], sdk: "none" },
  recovery: { imports: ["base", "mesh", "settings", "cluster"], sdk: "types" },
  policy: { imports: ["base", "mesh"], sdk: "policy" },
  // A program that is reviewed brings its own modules and SDK.
  review: { imports: ["base", "mesh", "policy"], types: ["settings", "stacks"], sdk: "types" },
  automation: { imports: ["base", "settings", "cluster", "verify", "stacks", "adoption", "recovery"], typed: true },
  cli: { imports: ["base", "automation", "review"], sdk: "none", typed: true },
};

const outside = { regex: "(^|/)(sandbox|test|benchmarks|examples)(/|$)", message: "The product stands without it." };

const inside = {
  regex: "^@pulumi/pulumi/(?!automation$|provider/experimental$|package\\.json$)",
  message: "What the SDK does not declare is in stacks/sdk.ts, with a check.",
};

const asNever = { selector: "TSAsExpression > TSNeverKeyword", message: "Say which type it is." };

function floorRules(floor, { imports, types = [], sdk, typed = false }) {
  const others = Object.keys(floors).filter((other) => other !== floor && !imports.includes(other));
  const message = `${floor}/ may import ${[...imports, ...types.map((name) => `types of ${name}`)].join(", ") || "no other floor"}.`;
  const into = (names) => `^(\\.\\./)+(${names.join("|")})(/|$)`;
  const packages = {
    none: [{ regex: "^@pulumi/", message: `${floor}/ loads without the Pulumi SDK.` }],
    types: [{ regex: "^@pulumi/", message: `${floor}/ loads without the Pulumi SDK.`, allowTypeImports: true }],
    policy: [{ regex: "^@pulumi/(?!policy$)", message: `${floor}/ loads without the Pulumi SDK.` }],
  };
  const patterns = [
    outside,
    inside,
    { regex: into(others.filter((other) => !types.includes(other))), message },
    ...(types.length === 0 ? [] : [{ regex: into(types), message, allowTypeImports: true }]),
    ...(packages[sdk] ?? []),
    ...(["base", "mesh"].includes(floor) ? [{ regex: "^@kubernetes/", message: `${floor}/ knows no cluster.` }] : []),
  ];
  const upwards = into(others).replaceAll("/", "\\/");
  const late = [
    `CallExpression[callee.name="require"] > Literal[value=/${upwards}/]`,
    `ImportExpression > Literal[value=/${upwards}/]`,
  ];
  return {
    files: [`${floor}/**/*.ts`],
    rules: {
      // A component longer than that decides what a pure function beside it could.
      "max-lines": ["error", { max: floor === "components" ? 120 : 350, skipBlankLines: true }],
      "@typescript-eslint/no-restricted-imports": ["error", { patterns }],
      "no-restricted-syntax": [
        "error",
        ...late.map((selector) => ({ selector, message })),
        ...(typed ? [asNever] : []),
      ],
      ...(typed ? { "@typescript-eslint/no-non-null-assertion": "error" } : {}),
    },
  };
}

export default defineConfig(
  { ignores: ["node_modules/", ".sandbox/", "dist/"] },
  eslint.configs.recommended,
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-explicit-any": "error",
      // How an object is had without a key.
      "@typescript-eslint/no-unused-vars": ["error", { ignoreRestSiblings: true }],
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
      // Pulumi resources are created for their effect.
      "no-new": "off",
      eqeqeq: ["error", "always", { null: "ignore" }],
    },
  },
  { files: ["index.js"], languageOptions: { sourceType: "commonjs", globals: { require: "readonly" } } },
  {
    files: ["**/*.mjs"],
    languageOptions: { globals: { process: "readonly", console: "readonly", URL: "readonly" } },
  },
  {
    // What the analyzer of Pulumi's SDK reads.
    files: ["plugin/declarations.ts"],
    rules: { "@typescript-eslint/consistent-type-imports": "off", "max-lines": "off" },
  },
  {
    // The product is usable without the sandbox, so it never imports from it.
    files: ["index.ts"],
    rules: { "@typescript-eslint/no-restricted-imports": ["error", { patterns: [outside] }] },
  },
  ...Object.entries(floors).map(([floor, rules]) => floorRules(floor, rules)),
);
