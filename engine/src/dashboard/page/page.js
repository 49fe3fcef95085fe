// Shows what a run tells: as it goes on, or from a report, which has all of it in the page.

const isEnd = ({ run }) => ["done", "drained", "stopped", "failed"].includes(run.state);
let ended = false;

function header({ status: { run }, rates }) {
  put($("state"), run.state);
  $("state").className = "pill " + run.state;
  put($("time"), long(run.now));
  put($("rate-in"), short(rates.emitted) + "/s");
  put($("in"), short(run.emitted));
  put($("rate-out"), short(rates.delivered) + "/s");
  put($("out"), short(run.delivered));
  put($("unfinished"), short(run.unfinished));
  put($("faults-count"), short(run.faults));
  $("faulty").classList.toggle("some", run.faults > 0);
  $("progress").hidden = !run.input;
  if (run.input) {
    const part = Math.min(1, run.input.done / run.input.all);
    $("bar").style.width = (100 * part).toFixed(1) + "%";
    put($("left"), percent(part) + (rates.left > 1000 ? ", " + clock(rates.left) + " left" : ""));
  }
  put($("pause"), run.state === "paused" ? "Resume" : "Pause");
  for (const id of ["pause", "drain", "stop"]) $(id).disabled = ended || (id !== "stop" && run.state === "draining");
  document.title = ended ? run.state + " · engine" : short(rates.emitted) + "/s · engine";
}

// Screen readers speak a new sentence, but not each change of its figures.
let matter = "";
function say({ text, severity, node }, state) {
  put($("diagnosis"), text);
  $("diagnosis").className = severity;
  const now = [state, severity, node].join();
  if (now !== matter) {
    matter = now;
    put($("said"), text);
  }
}

function show(snapshot, whole = false) {
  ended = isEnd(snapshot.status);
  header(snapshot);
  say(snapshot.diagnosis, snapshot.status.run.state);
  graph(snapshot);
  chartRates(snapshot);
  lanes(snapshot, whole);
  functions(snapshot);
  machines(snapshot);
  lists(snapshot);
}

async function act(what) {
  let problem = "";
  try {
    const answer = await fetch("api/v1/" + what, { method: "POST" });
    if (!answer.ok) problem = `Could not ${what}: ${await answer.text()}`;
  } catch {
    problem = `Could not ${what}: the run can't be reached.`;
  }
  put($("problem"), problem);
}

// Browsers limit connections per site, so a hidden page keeps none.
let events = null, run = null;
async function follow() {
  if (events || ended || document.hidden) return;
  events = new EventSource("api/v1/events");
  events.onmessage = (event) => {
    const snapshot = JSON.parse(event.data);
    const { started } = snapshot.status.run;
    // Another run has this address now.
    if (run !== null && run !== started) return location.reload();
    run = started;
    show(snapshot);
  };
  events.onerror = () => {
    if (ended) return events.close();
    put($("state"), "gone");
    $("state").className = "pill lost";
    document.title = "gone · engine";
    // The run can't be reached: there is no time left to show, and the buttons have no effect.
    put($("left"), $("left").textContent.split(",")[0]);
    for (const button of document.querySelectorAll("nav button")) button.disabled = true;
    for (const { line } of drawn.edges) line.setAttribute("class", "edge");
    say({ text: "The run is gone, or can't be reached. Below is its last state.", severity: "error" }, "gone");
  };
  const history = await fetch("api/v1/history");
  if (history.ok) remember(await history.json());
}

function listen() {
  $("pause").onclick = () => act($("pause").textContent === "Resume" ? "resume" : "pause");
  $("drain").onclick = () => act("drain");
  $("stop").onclick = () => { if (confirm("End the run at once? Records in progress are not finished.")) act("stop"); };
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) return void follow().catch(() => {});
    if (events) events.close();
    events = null;
  });
  follow().catch(() => {});
}

// What is wider than the page fades where there is more, and says that it can be moved.
function hint(place) {
  const rest = place.scrollWidth - place.clientWidth - place.scrollLeft;
  place.classList.toggle("more", rest > 2);
}
const seen = new ResizeObserver((changes) => changes.forEach(({ target }) => hint(target.closest(".scroll"))));
for (const place of document.querySelectorAll(".scroll")) {
  place.addEventListener("scroll", () => hint(place), { passive: true });
  seen.observe(place);
  seen.observe(place.firstElementChild);
}
$("as-table").open = innerWidth <= 760;

if ($("report")) {
  const { version, history, ...snapshot } = JSON.parse($("report").textContent);
  const { started, now } = snapshot.status.run;
  put($("about"), `A run of ${long(now)}, started on ${new Date(1000 * started).toLocaleString()}. Written by engine ${version}.`);
  remember(history);
  show(snapshot, true);
} else {
  listen();
}
