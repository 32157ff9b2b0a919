// What the explorer's scripts compute of made-up results, as JSON: node explored.js FOLDER SCRIPT ...
"use strict";
const fs = require("fs"), vm = require("vm"), [out, ...files] = process.argv.slice(2);
globalThis.infomax = { methods: JSON.parse(fs.readFileSync(`${out}/methods.json`)) };
for (const file of files) vm.runInThisContext(fs.readFileSync(file, "utf8"), { filename: file });
const { explore, series } = infomax;
const find = (name, protocol) => series.metrics.find((m) => m.name === name && m.protocol === protocol);
const metric = find("accuracy", "linear"), where = { x: null, dataset: "", target: "elsewhere", width: series.width };
const chosen = { metric, where, methods: series.methods, picked: [], a: "alpha", b: "beta", over: "width",
  against: find("nonlinear_dependence", ""), againstX: null };
const home = { ...chosen, where: { ...where, target: "home" } }, plain = ({ rows, pandas }) => ({ rows, pandas });
const start = { view: "rank", search: "", lines: [] }, state = { view: "pair", search: "a&b=c #%", lines: ["x, y", "z"] };
const rows = [{ v: null, name: "lost" }, { v: 1, name: "one, \"quoted\"" }, { v: NaN, name: "" }, { v: 3, name: "three" }];
process.stdout.write(JSON.stringify({
  pairs: Object.fromEntries(series.methods.map((b) => [b, explore.pair(explore.casesOf(metric, where), "alpha", b)])),
  rank: plain(explore.views.rank(chosen)), pair: plain(explore.views.pair(chosen)),
  lines: plain(explore.views.lines(home)), scatter: plain(explore.views.scatter(home)),
  sorted: [false, true].map((down) => explore.sorted(rows, "v", down).map((row) => row.name)),
  csv: explore.csv([{ key: "name" }, { key: "v" }], rows), rho: explore.spearman([1, 2, 2, 4], [4, 3, 1, 0]),
  same: JSON.stringify(explore.parse(explore.format(state, start), start)) === JSON.stringify(state),
}));
