import eslint from "@eslint/js";
import { defineConfig } from "eslint/config";
import tseslint from "typescript-eslint";

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
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
      // Pulumi resources are created for their effect.
      "no-new": "off",
      eqeqeq: ["error", "always", { null: "ignore" }],
    },
  },
  {
    files: ["**/*.mjs"],
    languageOptions: { globals: { process: "readonly", console: "readonly", URL: "readonly" } },
  },
  {
    // The product is usable without the sandbox, so it never imports from it.
    files: [
      "index.ts",
      "base/**",
      "mesh/**",
      "components/**",
      "settings/**",
      "cluster/**",
      "verify/**",
      "stacks/**",
      "recovery/**",
      "policy/**",
      "review/**",
      "automation/**",
      "cli/**",
    ],
    rules: { "no-restricted-imports": ["error", { patterns: ["**/sandbox/**", "**/test/**"] }] },
  },
);
