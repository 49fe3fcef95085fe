// Functions, faults, and what functions printed.

const tables = [];
function functionRow(f, place) {
  const row = document.querySelector("#functions tbody").insertRow();
  const cells = Array.from({ length: 13 }, () => row.insertCell());
  const swatch = make("span", "", "swatch");
  swatch.style.background = colour(place);
  cells[0].append(swatch, make("span", f.name));
  cells[0].title = f.plugin;
  cells[8].className = "histogram";
  const bars = new uPlot({
    width: 150, height: 30, cursor: { show: false }, legend: { show: false }, axes: [{ show: false }, { show: false }],
    scales: { x: { time: false }, y: { range: (_, low, high) => [0, Math.max(1, high)] } },
    series: [{}, { fill: colour(place), width: 0, paths: uPlot.paths.bars({ size: [1, 100] }), points: { show: false } }],
  }, [[], []], cells[8]);
  return { cells, bars };
}

function functions({ status: now, rates }) {
  now.functions.forEach((f, place) => {
    tables[place] ||= functionRow(f, place);
    const { cells, bars } = tables[place];
    // Several nodes may call functions of one name.
    const node = now.nodes.find((node) => node.function === place);
    put(cells[0].lastChild, !node || node.name === f.name ? f.name : `${f.name} (${node.name})`);
    const texts = [
      null, short(f.calls), short(f.records), short(rates.records_a_call[place]), percent(rates.functions[place]), span(f.p50), span(f.p99), span(f.timeout), null,
      `${size(f.memory)}, most ${size(f.memory_most)} of ${size(f.memory_limit)}`, short(f.failed_calls), reasons(f.repeated), reasons(f.retired_for),
    ];
    texts.forEach((text, column) => { if (text !== null) put(cells[column], text); });
    cells[10].classList.toggle("bad", f.failed_calls > 0);
    if (!f.histogram.length) return;
    // By powers of two: what is rare and far away is seen too.
    const low = Math.floor(Math.log2(Math.max(1, f.histogram[0][0]))), high = Math.ceil(Math.log2(f.histogram.at(-1)[1]));
    const x = [], y = [];
    for (let power = low; power < Math.max(high, low + 6); power++) {
      const inside = f.histogram.filter(([from]) => from >= 2 ** power && from < 2 ** (power + 1));
      x.push(power);
      y.push(Math.sqrt(inside.reduce((sum, [, , count]) => sum + count, 0)));
    }
    bars.setData([x, y]);
    cells[8].title = f.histogram.map(([from, to, count]) => `${span(from)} to ${span(to)}: ${count}`).join("\n");
  });
  const { pool, workers } = now;
  put($("pool"), pool.threads && !workers ? `${pool.threads} thread${pool.threads === 1 ? "" : "s"} · ${short(pool.instances)} of ${short(pool.instances_limit)} instances · ${size(pool.memory)} of ${size(pool.memory_limit)} memory` : "");
}

// Workers tell of themselves every two seconds: a rate is from one time to the next.
const lastOf = new Map();
function rateOf({ name, records }, now) {
  const last = lastOf.get(name);
  if (!last || records < last.records) lastOf.set(name, { records, now, rate: 0 });
  else if (records > last.records) lastOf.set(name, { records, now, rate: (1000 * (records - last.records)) / Math.max(1, now - last.now) });
  else if (now - last.now > 5000) last.rate = 0;
  return lastOf.get(name).rate;
}

function machines({ status: { workers, run } }) {
  $("machines-panel").hidden = !workers;
  if (!workers) return;
  const names = new Set(workers.map((worker) => worker.machine));
  const threads = workers.reduce((sum, worker) => sum + worker.threads, 0);
  put($("machines"), workers.length ? `${workers.length} on ${counted(names.size, "machine")}, ${counted(threads, "thread")}` : "none has joined yet");
  const body = document.querySelector("#workers tbody");
  while (body.rows.length > workers.length) body.deleteRow(-1);
  const inOrder = workers.toSorted((a, b) => a.machine.localeCompare(b.machine) || a.name.localeCompare(b.name));
  inOrder.forEach((worker, place) => {
    const row = body.rows[place] || body.insertRow();
    while (row.cells.length < 8) row.insertCell();
    const first = !place || inOrder[place - 1].machine !== worker.machine;
    const state = worker.refused ? `refused this run: ${worker.refused}` : worker.leaving ? "leaving" : worker.busy ? "working" : "waiting";
    [
      first ? worker.machine : "", worker.name, short(worker.threads), counted(worker.busy, "task"), short(worker.tasks),
      short(worker.records), `${short(rateOf(worker, run.now))}/s`, state,
    ].forEach((text, column) => put(row.cells[column], text));
    row.cells[7].classList.toggle("bad", Boolean(worker.refused));
  });
}

// How often for each reason: `2 slow, 1 memory`.
const reasons = (counts) => Object.entries(counts).filter(([, count]) => count).map(([why, count]) => `${short(count)} ${why}`).join(", ") || "0";

// Where a fault was: a function, and the node that calls it if its name is another.
const placeOf = (fault) => (fault.node ? `${fault.function} (node ${fault.node})` : fault.function);

// The faults of a node and the command that shows its dead letters.
function faultsAt(at, place) {
  const item = make("li");
  item.id = "faults-" + place;
  item.append(make("b", placeOf(at)), make("span", counted(at.faults, "fault")));
  const line = at.node ? `"node":${JSON.stringify(at.node)},` : `"function":${JSON.stringify(at.function)},"fault"`;
  if (at.put_aside) item.append(make("code", `grep ${quoted(line)} ${quoted(at.put_aside)}`));
  return item;
}

let lastFault = -1, lastLine = -1;
function lists({ status: { faults, log } }) {
  put($("kinds"), Object.entries(faults.kinds).map(([kind, count]) => `${short(count)} ${kind}`).join(" · "));
  const newest = faults.latest.length ? faults.latest[0].number : 0;
  if (newest !== lastFault) {
    lastFault = newest;
    const items = faults.latest.map((fault) => {
      const item = make("li");
      item.append(make("time", clock(fault.at)), make("b", `record ${fault.record}`), make("span", fault.kind, "kind"), make("span", `${placeOf(fault)}: ${fault.message}`));
      if (fault.excerpt) item.append(make("code", fault.excerpt));
      return item;
    });
    $("faults").replaceChildren(...(items.length ? items : [make("li", "none", "none")]));
    $("letters").replaceChildren(...faults.nodes.map(faultsAt));
  }
  const line = log.length ? log.at(-1).number : 0;
  if (line !== lastLine) {
    lastLine = line;
    const items = log.slice().reverse().map((line) => {
      const item = make("li");
      item.append(make("time", clock(line.at)), make("b", line.function + " "), make("span", line.line));
      return item;
    });
    $("log").replaceChildren(...(items.length ? items : [make("li", "functions have printed nothing", "none")]));
  }
}
