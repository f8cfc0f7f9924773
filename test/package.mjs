/* The built package as programs have it, as ES modules and as CommonJS; `npm run check:package`. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import { Environment } from "enroute-istio";
import { EncryptedIngress, clusterSettings } from "enroute-istio/components";
import { judge, rules } from "enroute-istio/policy";

const require = createRequire(import.meta.url);
assert.equal(require("enroute-istio").Environment, Environment);
assert.equal(require("enroute-istio/components").EncryptedIngress, EncryptedIngress);
assert.equal(require("enroute-istio/policy").judge, judge);
assert.ok(rules.length > 10 && clusterSettings.enableSecretMutable);

const [{ size, unpackedSize, files }] = JSON.parse(
  execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"]),
);
const foreign = files.map(({ path }) => path).filter((path) => /^(dist\/)?(sandbox|test|benchmarks)\//.test(path));
assert.deepEqual(foreign, []);
const megabytes = (bytes) => (bytes / 1e6).toFixed(2);
console.log(`${files.length} files, ${megabytes(size)} MB packed, ${megabytes(unpackedSize)} MB unpacked`);
