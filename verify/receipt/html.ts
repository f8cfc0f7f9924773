import { type Result, type Status, countsText } from "../../base/report";
import { count } from "../../base/text";
import type { CertificateLife, HostProof, Leg, LegProof, PortProof, Receipt } from "./receipt";
import { style } from "./style";
import type { Workload } from "./workloads";

/* The receipt as one self-contained page: no script, nothing loaded from elsewhere. */

const words: Record<Status, string> = { passed: "proven", failed: "not proven", unknown: "could not tell" };
const titles: Record<Status, string> = {
  passed: "Both legs are encrypted",
  failed: "The encryption of both legs is not proven",
  unknown: "No failure found, but some checks could not be decided",
};

/** One page for people: light and dark, on a phone, and on paper. */
export function receiptHtml(receipt: Receipt): string {
  const { report, stack, cluster, takenAt, product, evidenceHash } = receipt;
  const title = report.partial === undefined ? titles[report.status] : "A partial run proves neither leg";
  const status = report.partial === undefined ? report.status : "unknown";
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${text(`${stack}: ${title}`)}</title>
<style>${style}</style>
</head>
<body>
<main>
<header class="${status}">
<p class="stack">Stack <b>${text(stack)}</b> on ${text(cluster.context || "the current context")}</p>
<h1>${text(title)}</h1>
<p class="when"><time datetime="${text(takenAt)}">${text(moment(takenAt))}</time> · ${text(countsText(report))}</p>
</header>
${picture(receipt)}
${open(report.results)}
${section("Hosts", hosts(receipt.hosts))}
${section("Workloads", workloads(receipt.workloads))}
${receipt.ports.length === 0 ? "" : section("Ports of workloads", ports(receipt.ports))}
${section("Certificates", certificates(receipt.certificates, new Date(takenAt)))}
${section("Evidence", evidence(report.results))}
<footer>
<dl>
<dt>Kubernetes</dt><dd>${text(cluster.kubernetes)}</dd>
<dt>Images</dt><dd>${receipt.images.length === 0 ? "not read" : receipt.images.map((image) => `<code>${text(image)}</code>`).join(" ")}</dd>
<dt>Made by</dt><dd>${text(product)}</dd>
<dt>Hash of the evidence</dt><dd><code>${text(evidenceHash)}</code> (SHA-256)</dd>
</dl>
</footer>
</main>
</body>
</html>
`;
}

function section(title: string, body: string): string {
  return `<section><h2>${text(title)}</h2>\n${body}\n</section>`;
}

const locks: Record<Status, string> = {
  passed: `<path d="M7 11V8a5 5 0 0 1 10 0v3"/><rect x="5" y="11" width="14" height="9" rx="2"/>`,
  failed: `<path d="M7 11V8a5 5 0 0 1 9.6-2"/><rect x="5" y="11" width="14" height="9" rx="2"/>`,
  unknown: `<path stroke-dasharray="3 2" d="M7 11V8a5 5 0 0 1 10 0v3"/><rect x="5" y="11" width="14" height="9" rx="2" stroke-dasharray="3 2"/>`,
};

function picture({ legs, hosts: all, workloads: members, gatewayAddress }: Receipt): string {
  const node = (name: string, detail: string) =>
    `<div class="node"><b>${text(name)}</b><span>${text(detail)}</span></div>`;
  return `<section class="picture" aria-label="The two legs">
${node("Clients", count(all.length, "host"))}
${leg("client", legs.client, "TLS, your certificate")}
${node("Gateway", gatewayAddress ?? "no address")}
${leg("mesh", legs.mesh, "mutual TLS, Istio's certificates")}
${node("Workloads", count(members.length, "workload"))}
</section>`;
}

function leg(name: Leg, { status, passed, failed, warnings, unknown }: LegProof, what: string): string {
  const counts = [
    `${passed} passed`,
    ...(failed.length > 0 ? [`${failed.length} failed`] : []),
    ...(warnings.length > 0 ? [`${warnings.length} warned`] : []),
    ...(unknown.length > 0 ? [`${unknown.length} undecided`] : []),
  ].join(", ");
  return `<div class="leg ${status}">
<svg viewBox="0 0 24 24" role="img" aria-label="${text(`leg ${name}: ${words[status]}`)}">${locks[status]}</svg>
<b>${text(words[status])}</b><span>${text(what)}</span><small>${text(counts)}</small>
</div>`;
}

/** What failed, what warns, and what could not be told; checks with the same reason and fix are one. */
function open(results: Result[]): string {
  const order: ReturnType<typeof kind>[] = ["failed", "warning", "unknown"];
  const groups = new Map<string, { state: ReturnType<typeof kind>; ids: string[]; details: string }>();
  for (const result of results.filter(({ status }) => status !== "passed")) {
    const reasons = result.status === "failed" ? result.issues : [{ problem: result.evidence, fix: result.fix ?? "" }];
    const details = reasons
      .map(({ problem, fix }) => `<p>${text(problem)}</p>${fix === "" ? "" : `<p class="fix">Fix: ${text(fix)}</p>`}`)
      .join("");
    const group = groups.get(details) ?? { state: kind(result), ids: [], details };
    group.ids.push(result.id);
    groups.set(details, group);
  }
  if (groups.size === 0) return "";
  const items = [...groups.values()]
    .sort((a, b) => order.indexOf(a.state) - order.indexOf(b.state))
    .map(({ state, ids, details }) => {
      const names = ids.map((id) => `<code>${text(id)}</code>`).join(" ");
      return `<li class="${state}">${badge(state)} ${names}${details}</li>`;
    });
  return section("What is open", `<ul class="open">${items.join("\n")}</ul>`);
}

const stateWords = { passed: "passed", failed: "failed", warning: "warning", unknown: "could not tell" };
const kind = ({ status, severity }: Result) => (status === "failed" && severity === "warning" ? "warning" : status);
const badge = (state: keyof typeof stateWords) => `<i class="badge ${state}">${stateWords[state]}</i>`;

function table(head: string[], rows: string[][]): string {
  const cells = (row: string[]) =>
    row.map((cell, index) => `<td data-label="${text(head[index]!)}">${cell}</td>`).join("");
  return `<table><thead><tr>${head.map((name) => `<th scope="col">${text(name)}</th>`).join("")}</tr></thead>
<tbody>${rows.map((row) => `<tr>${cells(row)}</tr>`).join("\n")}</tbody></table>`;
}

function hosts(all: HostProof[]): string {
  return table(
    ["Host", "Namespace", "With TLS", "Without TLS"],
    all.map(({ host, namespace, tls, plain }) => [`<b>${text(host)}</b>`, text(namespace), text(tls), text(plain)]),
  );
}

function workloads(all: Workload[]): string {
  if (all.length === 0) return "<p>No pod was read.</p>";
  return table(
    ["Workload", "Namespace", "Pods", "How it was proven"],
    all.map(({ name, namespace, pods, proof }) => [
      `<b>${text(name)}</b>`,
      text(namespace),
      String(pods),
      proof.map(text).join("<br>"),
    ]),
  );
}

function ports(all: PortProof[]): string {
  return table(
    ["Port", "In clear text", "In the gateway's name"],
    all.map(({ port, plain, mutual }) => [`<b>${text(port)}</b>`, text(plain), text(mutual)]),
  );
}

const day = 24 * 3600_000;

/** Each certificate on a time line of its own: from its beginning to its end, with the moment of the verification. */
function certificates(all: CertificateLife[], now: Date): string {
  if (all.length === 0) return "<p>No certificate was read.</p>";
  const items = all.map(({ role, name, issuer, where, validFrom, validTo, fingerprint256 }) => {
    const [from, to] = [new Date(validFrom).getTime(), new Date(validTo).getTime()];
    const spent = Math.min(100, Math.max(0, ((now.getTime() - from) / (to - from)) * 100));
    const left = Math.floor((to - now.getTime()) / day);
    const state = to <= now.getTime() || from > now.getTime() ? "failed" : spent > 90 ? "warning" : "passed";
    const rest = to <= now.getTime() ? "expired" : left === 0 ? "ends today" : `${count(left, "day")} left`;
    return `<li class="${state}">
<p><b>${text(name)}</b> <span>${text(role)}${issuer === name ? "" : `, issued by ${text(issuer)}`}</span></p>
<div class="life" role="img" aria-label="${text(`${Math.round(spent)} % of its life is over`)}"><i style="width:${spent.toFixed(2)}%"></i></div>
<p class="ends"><time datetime="${text(validFrom)}">${date(validFrom)}</time><b>${rest}</b><time datetime="${text(validTo)}">${date(validTo)}</time></p>
<p class="where">${where.map(text).join(", ")}<br><code>${text(fingerprint256)}</code></p>
</li>`;
  });
  return `<ul class="lives">${items.join("\n")}</ul>`;
}

function evidence(results: Result[]): string {
  const groups = [...new Set(results.map(({ id }) => id.split("/")[0]!))];
  return groups
    .map((group) => {
      const own = results.filter(({ id }) => id.startsWith(`${group}/`));
      const items = own.map(
        (result) =>
          `<li>${badge(kind(result))} <code>${text(result.id)}</code><p>${text(result.title)}</p><p class="seen">${text(result.evidence)}</p></li>`,
      );
      return `<h3>${text(group)}</h3><ul class="evidence">${items.join("\n")}</ul>`;
    })
    .join("\n");
}

const date = (moment: string) => moment.slice(0, 10);
const moment = (rfc3339: string) => `${rfc3339.slice(0, 10)} ${rfc3339.slice(11, 16)} UTC`;

/** A text as HTML, also within quotes. */
function text(value: string): string {
  const entities: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
  return value.replace(/[&<>"']/g, (character) => entities[character]!);
}
