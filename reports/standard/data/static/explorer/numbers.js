// What the explorer computes: functions of the series alone, without a page, so that tests can call them.
"use strict";
infomax.values = new Map(); // file -> blocks, which scripts of series fill in
infomax.units = new Map(); // data set -> galleries, likewise
infomax.explore = (() => {
  const HOME = "home", ELSEWHERE = "elsewhere";
  const number = (value) => typeof value === "number" && Number.isFinite(value);
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

  // The mean over n seeds with its 95 % t interval, as stats/intervals.py has it; unbounded for fewer than two.
  function interval(values) {
    const n = values.length;
    if (!n) return { mean: null, low: null, high: null, n };
    const middle = mean(values);
    if (n < 2) return { mean: middle, low: -Infinity, high: Infinity, n };
    const error = Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (n - 1) / n);
    const half = error <= 1e-12 * Math.max(1, Math.abs(middle)) ? 0 : infomax.series.t[n - 2] * error;
    return { mean: middle, low: middle - half, high: middle + half, n };
  }

  function decoded(block) {
    block.data ??= new Float32Array(Uint8Array.from(atob(block.values), (byte) => byte.charCodeAt(0)).buffer);
    return block.data;
  }

  const fits = (place, { dataset, target }) =>
    (!dataset || place.dataset === dataset) &&
    (target === HOME ? place.dataset === place.target : target === ELSEWHERE ? place.dataset !== place.target : place.target === target);

  // Data set and target with every method's values by seed, at one x and width; methods with a width of their own stand
  // in all. A case that fewer than half of the methods have would leave the others out of every mean.
  function casesOf(metric, where) {
    const { methods, seeds } = infomax.series, found = new Map(), at = infomax.series.metrics.indexOf(metric);
    for (const block of infomax.values.get(metric.file)) {
      const x = block.xs.indexOf(where.x);
      if (block.metric !== at || x < 0 || (block.width && block.width !== where.width) || !fits(block, where)) continue;
      const key = JSON.stringify([block.dataset, block.target]);
      if (!found.has(key)) found.set(key, { key, dataset: block.dataset, target: block.target, of: new Map() });
      block.methods.forEach((method, i) => {
        const start = (i * block.xs.length + x) * seeds.length;
        const values = decoded(block).subarray(start, start + seeds.length);
        if (values.some(Number.isFinite)) found.get(key).of.set(methods[method], values);
      });
    }
    const most = Math.max(0, ...[...found.values()].map((one) => one.of.size));
    return [...found.values()].filter((one) => one.of.size && 2 * one.of.size >= most);
  }

  // By seed the mean over cases; NaN where one of them is missing.
  const overCases = (cases, value) => infomax.series.seeds.map((_, seed) => mean(cases.map((one) => value(one, seed))));

  const of = (method) => (one, seed) => one.of.get(method)?.[seed] ?? NaN;

  function summary(cases, method) {
    return cases.length ? interval(overCases(cases, of(method)).filter(Number.isFinite)) : interval([]);
  }

  // One method less another, paired by seed, over the cases that both have, as stats/compare.py; null without any.
  function pair(cases, a, b) {
    const both = cases.filter((one) => one.of.has(a) && one.of.has(b));
    if (!both.length) return null;
    const values = overCases(both, (one, seed) => of(a)(one, seed) - of(b)(one, seed));
    const own = (method) => interval(overCases(both, of(method)).filter((_, seed) => Number.isFinite(values[seed]))).mean;
    return { ...interval(values.filter(Number.isFinite)), values, cases: both, a: own(a), b: own(b) };
  }

  // Why a method has no value, in words.
  function why(metric, where, cases, method) {
    const has = cases.filter((one) => one.of.has(method)).length;
    if (has) return has < cases.length ? `only ${has} of ${cases.length} data sets` : "no seed on all data sets";
    const lost = infomax.series.encoders[metric.encoder].lost.find(([by, name, dataset, target, width]) =>
      name === method && metric.by.includes(by) && (!width || width === where.width) && fits({ dataset, target }, where));
    return lost ? lost[5] : "not measured";
  }

  // -1 if a is the better value, for sorting.
  const better = (metric) => (a, b) => (metric.better === "lower" ? a - b : b - a);

  // Missing values last, both ways.
  function sorted(rows, key, descending) {
    const there = (row) => number(row[key]) || (typeof row[key] === "string" && row[key] !== "");
    const order = (a, b) => (number(a[key]) && number(b[key]) ? a[key] - b[key] : String(a[key]).localeCompare(String(b[key])));
    const known = rows.filter(there).sort((a, b) => (descending ? order(b, a) : order(a, b)));
    return [...known, ...rows.filter((row) => !there(row))];
  }

  function ranks(values) {
    return values.map((value) => {
      const below = values.filter((other) => other < value).length, same = values.filter((other) => other === value).length;
      return below + (same + 1) / 2;
    });
  }

  // Spearman's rank correlation; null where there is none.
  function spearman(x, y) {
    const [a, b] = [ranks(x), ranks(y)], middle = (x.length + 1) / 2;
    const product = (p, q) => p.reduce((sum, value, i) => sum + (value - middle) * (q[i] - middle), 0);
    const scale = Math.sqrt(product(a, a) * product(b, b));
    return x.length > 2 && scale > 0 ? product(a, b) / scale : null;
  }

  // A value as CSV has it: numbers in the digits that float32 holds.
  const plain = (value) => (number(value) ? String(Number(value.toPrecision(7))) : typeof value === "number" || value == null ? "" : value);
  const quoted = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  // What a spreadsheet would compute is text behind an apostrophe.
  const harmless = (value) => (typeof value === "string" && /^[=+@-]/.test(value) ? `'${value}` : value);

  function csv(columns, rows) {
    const line = (cells) => cells.map((cell) => quoted(plain(harmless(cell)))).join(",");
    return [line(columns.map((one) => one.key)), ...rows.map((row) => line(columns.map((one) => row[one.key])))].join("\n") + "\n";
  }

  // What selects the same rows from measurements.csv, as an expression of pandas.
  function selected(metric, where, datasets, methods) {
    const text = JSON.stringify, { own, again } = infomax.series, { setting } = infomax.series.encoders[metric.encoder];
    const free = [...new Set(own.map((one) => one[0]))];
    const wide = `d["width"] == ${where.width}`;
    const tests = [
      ...setting.map(([name, value]) => `(d[${text(name)}] == ${text(value)})`),
      `(d["metric"] == ${text(metric.name)})`, `(d["protocol"] == ${text(metric.protocol)})`,
      where.x === undefined ? "" : where.x === null ? `d["x"].isna()` : `((d["x"] - ${where.x}).abs() < 1e-6)`,
      where.width === undefined ? "" : free.length ? `((${wide}) | d["method"].isin(${text(free)}))` : `(${wide})`,
      `d["dataset"].isin(${text(datasets)})`,
      where.target === HOME ? `(d["target"] == d["dataset"])`
        : where.target === ELSEWHERE ? `(d["target"] != d["dataset"])` : `(d["target"] == ${text(where.target)})`,
      methods ? `d["method"].isin(${text(methods)})` : "",
      again.length ? `~d["seed"].isin(${text(again)})` : "",
      `(d["status"] == "ok")`,
    ];
    return `pd.read_csv("measurements.csv", keep_default_na=False, na_values={"x": "", "value": ""}, low_memory=False)` +
      `.loc[lambda d: ${tests.filter(Boolean).join(" & ")}]` +
      `.drop_duplicates(["dataset", "target", "method", "width", "x", "seed"])`;
  }

  // The state of the explorer as a link, and back; what is as it begins is left out.
  function format(state, start) {
    const told = new URLSearchParams();
    for (const [name, value] of Object.entries(state))
      for (const one of String(value) === String(start[name]) ? [] : [value].flat()) told.append(name, one);
    return `#explore?${told}`;
  }

  function parse(hash, start) {
    const told = new URLSearchParams(hash.split("?").slice(1).join("?"));
    const state = { ...start };
    for (const name of Object.keys(start))
      if (told.has(name)) state[name] = Array.isArray(start[name]) ? told.getAll(name).filter(Boolean) : told.get(name);
    return state;
  }

  return { HOME, ELSEWHERE, number, mean, interval, casesOf, summary, pair, why, better, sorted, spearman, plain, csv, selected, format, parse };
})();
