import assert from "node:assert/strict";
import {
  type MutualTlsException,
  compileExceptions,
  declaredModes,
  exceptionProblems,
  isPast,
} from "../../../mesh/mutual-tls-policies";

const exception = (more: Partial<MutualTlsException>): MutualTlsException => ({
  namespace: "shop",
  mode: "PERMISSIVE",
  reason: "legacy",
  owner: "team-a",
  until: "2027-03-31",
  ...more,
});
const problems = (...exceptions: MutualTlsException[]) =>
  exceptionProblems(exceptions, "istio-system").map(({ index, problem }) => `${index}: ${problem}`);

describe("compileExceptions", () => {
  it("makes one policy for a workload of several exceptions, with the ports in order and STRICT elsewhere", () => {
    const workload = { app: "api", tier: "back" };
    const policies = compileExceptions([
      exception({ workload, ports: [9102, 80] }),
      exception({
        workload: { tier: "back", app: "api" },
        ports: [443],
        mode: "DISABLE",
        reason: "probe",
        owner: "team-b",
        until: "2027-02-28",
      }),
    ]);
    assert.equal(policies.length, 1);
    assert.deepEqual(policies[0]!.spec, {
      selector: { matchLabels: workload },
      mtls: { mode: "STRICT" },
      portLevelMtls: { "80": { mode: "PERMISSIVE" }, "443": { mode: "DISABLE" }, "9102": { mode: "PERMISSIVE" } },
    });
    assert.deepEqual(policies[0]!.annotations, {
      "enroute-istio/reason": "legacy; probe",
      "enroute-istio/owner": "team-a; team-b",
      "enroute-istio/until": "2027-02-28",
    });
    assert.match(policies[0]!.name, /^plain-text-api-back-[0-9a-f]{8}$/);
  });

  it("takes the mode of an exception for all ports beside those for some", () => {
    const workload = { app: "api" };
    const [policy] = compileExceptions([
      exception({ workload, mode: "DISABLE" }),
      exception({ workload, ports: [80] }),
    ]);
    assert.deepEqual(policy!.spec.mtls, { mode: "DISABLE" });
    assert.deepEqual(policy!.spec.portLevelMtls, { "80": { mode: "PERMISSIVE" } });
  });

  it("keeps the exception of the namespace around a workload with exceptions for some ports", () => {
    const policies = compileExceptions([
      exception({}),
      exception({ workload: { app: "api" }, ports: [80], mode: "DISABLE" }),
    ]);
    assert.deepEqual(
      policies.map(({ spec }) => spec.mtls),
      [{ mode: "PERMISSIVE" }, { mode: "PERMISSIVE" }],
    );
  });

  it("names the policy of a whole namespace default, as Istio wants it", () => {
    assert.deepEqual(compileExceptions([exception({})]), [
      {
        name: "default",
        namespace: "shop",
        annotations: {
          "enroute-istio/reason": "legacy",
          "enroute-istio/owner": "team-a",
          "enroute-istio/until": "2027-03-31",
        },
        spec: { mtls: { mode: "PERMISSIVE" } },
      },
    ]);
  });

  it("gives names that Kubernetes takes, different for different selectors", () => {
    const names = compileExceptions([
      exception({ workload: { app: "x".repeat(63), v: "1" } }),
      exception({ workload: { app: "x".repeat(63), v: "2" } }),
      exception({ workload: { "example.com/Odd_Key": "_Odd.Value-" } }),
    ]).map(({ name }) => name);
    assert.equal(new Set(names).size, 3);
    for (const name of names) assert.match(name, /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/);
  });

  it("does not depend on the order of the exceptions", () => {
    const some = [
      exception({ workload: { app: "b" } }),
      exception({ namespace: "a" }),
      exception({ workload: { app: "a" } }),
    ];
    assert.deepEqual(compileExceptions(some), compileExceptions([...some].reverse()));
  });
});

describe("isPast", () => {
  it("lets the last day end before it is past", () => {
    assert.equal(isPast("2027-03-31", new Date("2027-03-31T23:59:59Z")), false);
    assert.equal(isPast("2027-03-31", new Date("2027-04-01T00:00:00Z")), true);
  });

  it("tells what is no day", () =>
    assert.deepEqual(
      ["2027-02-30", "31.3.2027", "soon", "2027-3-1", ""].map((day) => isPast(day, new Date())),
      [undefined, undefined, undefined, undefined, undefined],
    ));
});

describe("exceptionProblems", () => {
  it("finds nothing wrong with exceptions for different workloads, namespaces and ports", () => {
    const workload = { app: "api" };
    assert.deepEqual(
      problems(
        exception({}),
        exception({ namespace: "other" }),
        exception({ workload }),
        exception({ workload, ports: [80] }),
        exception({ workload: { app: "web" } }),
      ),
      [],
    );
  });

  it("refuses ports without a workload, which Istio ignores", () => {
    assert.match(problems(exception({ ports: [80] }))[0]!, /^0: ports need a workload/);
  });

  it("refuses an empty selector", () => {
    assert.match(problems(exception({ workload: {} }))[0]!, /^0: an empty workload/);
  });

  it("refuses a second mesh-wide policy", () => {
    assert.match(problems(exception({ namespace: "istio-system" }))[0]!, /^0: in the root namespace istio-system/);
  });

  it("refuses one in the root namespace for a workload, which has no sidecar there", () => {
    assert.match(
      problems(exception({ namespace: "istio-system", workload: { app: "api" } }))[0]!,
      /^0: in the root namespace istio-system no pod has a sidecar/,
    );
  });

  it("refuses the same workloads, namespace or port twice", () => {
    const workload = { app: "api" };
    assert.match(problems(exception({}), exception({ mode: "DISABLE" }))[0]!, /^1: .*already \(see exceptions\[0\]\)/);
    assert.match(problems(exception({ workload }), exception({ workload }))[0]!, /^1: the same workloads/);
    assert.match(
      problems(exception({ workload, ports: [80, 81] }), exception({ workload, ports: [81] }))[0]!,
      /^1: port 81 has an exception already/,
    );
  });

  it("refuses a selector within another's, of which Istio obeys only the oldest", () => {
    const found = problems(exception({ workload: { app: "api", v: "1" } }), exception({ workload: { app: "api" } }));
    assert.match(found[0]!, /^1: it selects workloads that another exception selects/);
  });
});

describe("declaredModes", () => {
  const workload = { app: "api" };
  const of = (exceptions: MutualTlsException[], labels: Record<string, string> = workload) =>
    declaredModes(exceptions, { namespace: "shop", labels });

  it("is STRICT where no exception is for the pod", () => {
    for (const exceptions of [[], [exception({ namespace: "other" })], [exception({ workload: { app: "web" } })]])
      assert.deepEqual(of(exceptions), [{ all: "STRICT", ports: {} }]);
  });

  it("is the workload's exception, and the namespace's only where there is none", () => {
    const exceptions = [exception({ mode: "DISABLE" }), exception({ workload, ports: [9102] })];
    assert.deepEqual(of(exceptions), [{ all: "DISABLE", ports: { 9102: "PERMISSIVE" } }]);
    assert.deepEqual(of(exceptions, { app: "web" }), [{ all: "DISABLE", ports: {} }]);
    assert.deepEqual(of([exception({ workload, ports: [9102] })]), [{ all: "STRICT", ports: { 9102: "PERMISSIVE" } }]);
  });

  it("is one of several where their policies select the same pod: Istio obeys the oldest", () => {
    const exceptions = [exception({ workload }), exception({ workload: { tier: "back" }, mode: "DISABLE" })];
    assert.deepEqual(
      of(exceptions, { app: "api", tier: "back" }).map(({ all }) => all),
      ["PERMISSIVE", "DISABLE"],
    );
  });
});
