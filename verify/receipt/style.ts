/** The style of the receipt: for light and dark screens from 320 px on, and for paper. */
export const style = `
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#57606a;--line:#d0d7de;--back:#fff;--card:#f6f8fa;--good:#1a7f37;--bad:#b42318;--warn:#9a6700;--open:#57606a}
@media (prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9198a1;--line:#30363d;--back:#0d1117;--card:#161b22;--good:#3fb950;--bad:#f85149;--warn:#d29922;--open:#9198a1}}
*{box-sizing:border-box}
body{margin:0;background:var(--back);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:64rem;margin:0 auto;padding:1.5rem 1rem 3rem}
header{border-left:.4rem solid;padding:.2rem 0 .2rem 1rem;margin-bottom:1.5rem}
h1{font-size:clamp(1.5rem,5vw,2.25rem);line-height:1.15;margin:.2rem 0}
h2{font-size:1.2rem;margin:2.2rem 0 .7rem}
h3{font-size:.95rem;margin:1.4rem 0 .3rem;color:var(--soft)}
p{margin:0}
header p,.where,.seen,small,.leg span,.node span,.lives span{color:var(--soft)}
code{font:.85em/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere}
.passed{--state:var(--good)}.failed{--state:var(--bad)}.warning{--state:var(--warn)}.unknown{--state:var(--open)}
header{border-color:var(--state)}
header h1{color:var(--state)}
.picture{display:flex;align-items:stretch;background:var(--card);border:1px solid var(--line);border-radius:.8rem;padding:1.2rem}
.node{flex:1 1 0;min-width:0;display:flex;flex-direction:column;align-items:center;justify-content:center;text-align:center;background:var(--back);border:1px solid var(--line);border-radius:.6rem;padding:1rem .5rem;overflow-wrap:anywhere}
.node span,.leg span,.leg small{font-size:.82rem}
.leg{flex:1.6 1 0;min-width:0;display:flex;flex-direction:column;align-items:center;justify-content:center;text-align:center;padding:0 .6rem;position:relative}
.leg b{color:var(--state)}
.leg svg{width:3rem;height:3rem;fill:none;stroke:var(--state);stroke-width:1.8;stroke-linecap:round;stroke-linejoin:round}
.leg::before{content:"";position:absolute;left:0;right:0;top:1.5rem;border-top:2px solid var(--state);z-index:0}
.leg.unknown::before{border-top-style:dashed}.leg.failed::before{border-top-style:dotted}
.leg svg{background:var(--card);position:relative;z-index:1;padding:0 .3rem}
.leg.passed svg rect{fill:var(--state)}
ul{list-style:none;margin:0;padding:0}
.badge{font-style:normal;font-size:.75rem;font-weight:600;border:1px solid var(--state);color:var(--state);border-radius:1rem;padding:.05rem .5rem;white-space:nowrap}
.open li{border:1px solid var(--line);border-left:.3rem solid var(--state);border-radius:.4rem;padding:.6rem .9rem;margin:.5rem 0;overflow-wrap:anywhere}
.fix{color:var(--soft);margin:.15rem 0 .4rem}
table{width:100%;border-collapse:collapse}
th{font-size:.8rem;text-align:left;color:var(--soft);font-weight:600}
th,td{padding:.45rem .7rem .45rem 0;border-bottom:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}
.lives li{border-bottom:1px solid var(--line);padding:.8rem 0}
.lives b{overflow-wrap:anywhere}
.life{height:.7rem;border-radius:.4rem;background:color-mix(in srgb,var(--state) 22%,transparent);overflow:hidden;margin:.45rem 0 .2rem;border-left:2px solid var(--state);border-right:2px solid var(--state);print-color-adjust:exact;-webkit-print-color-adjust:exact}
.life i{display:block;height:100%;background:var(--state)}
.ends{display:flex;justify-content:space-between;gap:.5rem;font-size:.85rem;font-variant-numeric:tabular-nums}
.ends b{color:var(--state)}
.where{font-size:.82rem;overflow-wrap:anywhere}
.evidence li{padding:.45rem 0;border-bottom:1px solid var(--line);overflow-wrap:anywhere}
.evidence p{font-size:.9rem}
footer{margin-top:2.5rem;font-size:.85rem;border-top:2px solid var(--line);padding-top:1rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.3rem 1rem;margin:0}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
@media (max-width:40rem){
.picture{flex-direction:column}
.leg{padding:.9rem 0}.leg::before{left:50%;right:auto;top:0;bottom:0;border-top:0;border-left:2px solid var(--state)}
.leg.unknown::before{border-left-style:dashed}.leg.failed::before{border-left-style:dotted}
.leg>*{position:relative;z-index:1;background:var(--card);padding:0 .4rem}
thead{display:none}tr{display:block;border-bottom:1px solid var(--line);padding:.5rem 0}
td{display:grid;grid-template-columns:7.5rem 1fr;border:0;padding:.1rem 0}
td::before{content:attr(data-label);color:var(--soft);font-size:.82rem}
dl{grid-template-columns:1fr}dd{margin-bottom:.5rem}
}
@media print{
:root{--ink:#000;--soft:#444;--line:#bbb;--back:#fff;--card:#fff;--good:#116329;--bad:#a40e26;--warn:#7d4e00;--open:#444}
body{font-size:11pt}main{max-width:none;padding:0}
li,tr,.picture{break-inside:avoid}h2,h3{break-after:avoid}
}
`;
