import assert from "node:assert/strict";
import {
  carriedReasons,
  clientLegOf,
  declaredReasons,
  fqdnOf,
  isPattern,
  oldestTlsOf,
  plainRoutes,
  prefixOf,
  reasonAnnotations,
  repeatedPrefixes,
  routesOf,
  securePath,
  undeclaredPlainRoutes,
} from "../../../mesh/gateway-host";

const host = (tls: object | undefined, more: object = {}) => ({
  spec: { virtualhost: { fqdn: "a.example", ...(tls === undefined ? {} : { tls }) }, ...more },
});
const tcpproxy = { services: [] };

/* computeIngressRoutes and minProtoVersion in saarasio/enroute, internal/dag/builder.go. */
describe("a GatewayHost", () => {
  const legs: [what: string, host: { spec?: unknown }, leg: string][] = [
    ["a Secret serves TLS", host({ secretName: "s" }), "tls"],
    ["without tls it is clear text", host(undefined), "plain"],
    ["without a Secret it is clear text", host({}), "plain"],
    ["a blank name is none (isBlank)", host({ secretName: " " }), "plain"],
    ["passthrough is for a tcpproxy", host({ passthrough: true }, { tcpproxy }), "passthrough"],
    [
      "with routes it changes nothing: they are served in clear text",
      host({ passthrough: true }, { routes: [{}] }),
      "plain",
    ],
    ["it counts without a Secret alone", host({ passthrough: true, secretName: "s" }, { tcpproxy }), "tls"],
    ["a tcpproxy alone passes nothing through", host({}, { tcpproxy }), "plain"],
    ["passthrough may be off", host({ passthrough: false }, { tcpproxy }), "plain"],
    ["nothing is clear text", {}, "plain"],
  ];
  for (const [what, object, leg] of legs)
    it(`${what} (computeIngressRoutes)`, () => assert.equal(clientLegOf(object), leg));

  it("takes every minimum version but 1.2 and 1.3 to mean 1.1 (minProtoVersion)", () => {
    const oldest = (minimumProtocolVersion: unknown) => oldestTlsOf(host({ minimumProtocolVersion }));
    assert.deepEqual(["1.3", "1.2", "1.1", "1.4", "TLSv1.3", 1.3, undefined].map(oldest), [
      ...["1.3", "1.2", "1.1", "1.1", "1.1", "1.1", "1.1"],
    ]);
  });

  it("has a name, and so has a ServiceRoute", () => {
    assert.equal(fqdnOf(host({})), "a.example");
    assert.equal(fqdnOf({ spec: { fqdn: "b.example" } }), "b.example");
    assert.equal(fqdnOf({}), undefined);
  });
});

describe("a route", () => {
  const route = (prefix?: string, permitInsecure?: boolean) => ({
    ...(prefix === undefined ? {} : { conditions: [{ prefix }] }),
    ...(permitInsecure === undefined ? {} : { permitInsecure }),
  });

  it("has a prefix, `/` if it names none", () => {
    assert.deepEqual([route("/a"), route(), {}, undefined].map(prefixOf), ["/a", "/", "/", "/"]);
    assert.equal(prefixOf({ conditions: [{ header: { name: "h" } }, { prefix: "/b" }] }), "/b");
  });

  it("has a prefix with single slashes (mergePathConditions, conditions.go)", () =>
    assert.equal(prefixOf(route("//a///b/")), "/a/b/"));

  it("is a pattern by some characters (mergePathConditions)", () => {
    const patterns = ["/a^", "/a+", "/a*", "/[a]", "/a%20"];
    assert.deepEqual(patterns.map(isPattern), [true, true, true, true, true]);
    assert.deepEqual(["/", "/a.b/c-d_~", "/a?b", "/(a)"].map(isPattern), [false, false, false, false]);
  });

  it("has a prefix of its own, or EnRoute drops it (addRoute, dag.go)", () => {
    const repeated = (...prefixes: (string | undefined)[]) =>
      repeatedPrefixes(prefixes.map((prefix) => (prefix === undefined ? {} : { prefix })));
    assert.deepEqual(repeated("/", "/a", "/a/", "/A"), []);
    assert.deepEqual(repeated("/a", "/", "/a", undefined, "//a"), [
      { index: 2, first: 0 },
      { index: 3, first: 1 },
      { index: 4, first: 0 },
    ]);
  });

  it("stands in a GatewayHost's list, or alone in a ServiceRoute", () => {
    assert.deepEqual(routesOf({ spec: { routes: [route("/a"), route("/b")] } }).map(prefixOf), ["/a", "/b"]);
    assert.deepEqual(routesOf({ spec: { route: route("/a") } }).map(prefixOf), ["/a"]);
    assert.deepEqual(routesOf({ spec: { route: [route("/a"), route("/b")] } }).map(prefixOf), ["/a", "/b"]);
    assert.deepEqual(routesOf({}), []);
  });

  it("is plain with permitInsecure (routeEnforceTLS)", () =>
    assert.deepEqual(
      plainRoutes({ spec: { routes: [route("/a", true), route("/b"), route("/c", false), route(undefined, true)] } }),
      ["/a", "/"],
    ));

  const carrying = (annotation: string | undefined, ...plain: string[]) => ({
    metadata: {
      name: "h",
      ...(annotation === undefined ? {} : { annotations: { "enroute-istio/insecure-routes": annotation } }),
    },
    spec: { routes: plain.map((prefix) => route(prefix, true)) },
  });

  it("may be plain where the object carries its reason", () => {
    const cases: [string | undefined, string[]][] = [
      ['{"/a":"old clients"}', []],
      ['{"/b":"old clients"}', ["/a"]],
      ['{"/a":" "}', ["/a"]],
      ['{"/a":""}', ["/a"]],
      ['{"/a":true}', ["/a"]],
      ["no JSON", ["/a"]],
      ["[]", ["/a"]],
      [undefined, ["/a"]],
    ];
    for (const [annotation, expected] of cases)
      assert.deepEqual(undeclaredPlainRoutes(carrying(annotation, "/a")), expected, annotation);
  });

  it("may be plain where the stack declares it, whatever the object carries", () => {
    assert.deepEqual(undeclaredPlainRoutes(carrying(undefined, "/a"), { "/a": "r" }), []);
    assert.deepEqual(undeclaredPlainRoutes(carrying('{"/a":"r"}', "/a"), {}), ["/a"]);
  });

  it("carries the reasons of its stack, and none where there is none", () => {
    const reasons = declaredReasons([
      { prefix: "/a", permitInsecure: { reason: "r" } },
      { permitInsecure: { reason: "s" } },
      { prefix: "/b" },
    ]);
    assert.deepEqual(reasons, { "/a": "r", "/": "s" });
    const annotations = reasonAnnotations(reasons);
    assert.deepEqual(annotations, { "enroute-istio/insecure-routes": '{"/a":"r","/":"s"}' });
    assert.deepEqual(carriedReasons({ metadata: { name: "h", annotations } }), reasons);
    assert.deepEqual(reasonAnnotations({}), {});
    assert.deepEqual(carriedReasons({ metadata: { name: "h" } }), {});
  });

  it("that must not be plain is tried at the shortest path", () => {
    const permitInsecure = { reason: "r" };
    assert.equal(securePath([{}]), "/");
    assert.equal(securePath([{ prefix: "/long" }, { prefix: "/a" }, { permitInsecure }]), "/a");
    assert.equal(securePath([{ permitInsecure }]), undefined);
    // Two routes of one prefix: EnRoute keeps the last, and nobody can tell which is meant.
    assert.equal(securePath([{}, { permitInsecure }]), undefined);
  });
});
