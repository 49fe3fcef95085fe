// Records per second, and the calls of threads.

// Time in seconds, in, out.
const rates = [[], [], []];
const MOST = 600;
let chart = null;

// The whole run so far, as its history tells.
function remember(history) {
  rates.forEach((list) => list.splice(0));
  for (let i = 1; i < history.at.length; i++) {
    const ms = history.at[i] - history.at[i - 1];
    if (ms <= 0) continue;
    rates[0].push(history.at[i] / 1000);
    rates[1].push((history.emitted[i] - history.emitted[i - 1]) * 1000 / ms);
    rates[2].push((history.delivered[i] - history.delivered[i - 1]) * 1000 / ms);
  }
}

function chartRates({ status: now, rates: { emitted, delivered } }) {
  if (!isEnd(now) && now.run.now / 1000 > (rates[0].at(-1) || 0)) {
    rates[0].push(now.run.now / 1000);
    rates[1].push(emitted);
    rates[2].push(delivered);
  }
  // What is old is told by every second moment.
  if (rates[0].length > MOST) rates.forEach((list) => list.splice(0, MOST, ...list.slice(0, MOST).filter((_, place) => place % 2)));
  if (!chart && rates[0].length < 2) return put($("rates"), isEnd(now) ? `The run took ${long(now.run.now)}: too short for a chart.` : "");
  if (!chart) plotRates();
  chart.setData(rates);
}

function plotRates() {
  const place = $("rates");
  const axis = { stroke: css("--dim"), grid: { stroke: css("--line"), width: 1 }, ticks: { show: false } };
  const told = (list, n) => short(n ?? list.at(-1) ?? 0) + "/s";
  const line = (label, list, name) => ({ label, points: { show: false }, stroke: css(name), width: 2, value: (_, n) => told(list, n) });
  place.replaceChildren();
  chart = new uPlot({
    width: place.clientWidth, height: 170,
    cursor: { y: false },
    scales: { x: { time: false }, y: { range: (_, low, high) => [0, Math.max(1, high * 1.1)] } },
    axes: [{ ...axis, incrs: [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400], values: (_, list) => list.map((s) => clock(1000 * s)) }, { ...axis, size: 60, values: (_, list) => list.map(short) }],
    series: [
      { label: "at", value: (_, s) => clock(1000 * (s ?? rates[0].at(-1) ?? 0)) },
      line("in", rates[1], "--blue"),
      line("out", rates[2], "--green"),
    ],
  }, rates, place);
}

// The calls, a row for each thread: those of the last seconds, or of the whole run.
const ROW = 22, NAMES = 76, SECONDS = 5;
let hits = [];
let lastLanes = null;
function lanes({ status: now, lanes: list }, whole) {
  lastLanes = [{ status: now, lanes: list }, whole];
  const canvas = $("lanes"), scale = devicePixelRatio || 1;
  const width = canvas.clientWidth, height = Math.max(1, list.length) * ROW + 18;
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    canvas.style.height = height + "px";
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.font = "12px system-ui, sans-serif";
  pen.textBaseline = "middle";
  const end = now.run.now * 1000, begin = whole ? 0 : end - SECONDS * 1e6;
  const at = (micros) => NAMES + (micros - begin) / (end - begin) * (width - NAMES);
  hits = [];
  list.forEach((lane, row) => {
    const y = row * ROW;
    pen.fillStyle = css("--dim");
    pen.fillText(cut(lane.name, 11), 0, y + ROW / 2);
    pen.fillStyle = css("--fill");
    pen.fillRect(NAMES, y + 3, width - NAMES, ROW - 6);
    for (const bar of lane.bars) {
      if (bar.to < begin) continue;
      const dense = Math.min(1, bar.busy / Math.max(1, bar.to - bar.from));
      const x = Math.max(NAMES, at(bar.from)), wide = at(bar.to) - x;
      // Calls with pauses between them are paler; those that failed are as wide as they were long.
      const w = Math.max(1, bar.failed ? wide * dense : wide);
      pen.globalAlpha = bar.failed ? 1 : 0.25 + 0.75 * dense;
      pen.fillStyle = bar.failed ? css("--red") : colour(bar.function);
      pen.fillRect(x, y + 3, w, ROW - 6);
      hits.push({ x, y, w, bar });
    }
    pen.globalAlpha = 1;
  });
  pen.fillStyle = css("--dim");
  const seconds = (end - begin) / 1e6;
  const step = whole ? [0.1, 0.5, 1, 5, 10, 30, 60, 300, 600, 1800, 3600, 6 * 3600, 86400].find((step) => seconds / step <= 8) || 7 * 86400 : 1;
  for (let s = 0; s <= seconds; s += step) {
    pen.textAlign = s === 0 ? (whole ? "left" : "right") : "center";
    const text = whole ? (step < 1 ? s.toFixed(1) + " s" : clock(1000 * s)) : s === 0 ? "now" : `−${s} s`;
    const x = at(whole ? s * 1e6 : end - s * 1e6);
    pen.fillText(text, whole ? Math.min(x, width - 16) : Math.max(NAMES + 12, x), height - 8);
  }
  pen.textAlign = "left";
  put($("window"), whole ? "calls of the whole run" : `calls of the last ${SECONDS} s`);
}

for (const moved of ["pointermove", "pointerdown"]) $("lanes").addEventListener(moved, ({ offsetX: x, offsetY: y }) => {
  const hit = hits.findLast((hit) => x >= hit.x - 1 && x <= hit.x + hit.w + 1 && y >= hit.y && y < hit.y + ROW);
  const called = hit && lastLanes && lastLanes[0].status.functions[hit.bar.function];
  put($("lane-tip"), called ? `${called.name}: ${counted(hit.bar.records)} in ${short(hit.bar.calls)} call${hit.bar.calls === 1 ? "" : "s"}, ${span(hit.bar.busy * 1000)}${hit.bar.failed ? ", failed" : ""}` : "");
});

function redraw() {
  if (chart) chart.setSize({ width: $("rates").clientWidth, height: 170 });
  if (lastLanes) lanes(...lastLanes);
}
addEventListener("resize", redraw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  if (chart) plotRates();
  redraw();
});
