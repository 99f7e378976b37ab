"use strict";
const MOTION = new Set(["w", "a", "s", "d", "i", "j", "k", "l", "u", "o"]);
const EVENTS = { arrowright: "keep", n: "keep", arrowleft: "again", r: "again", escape: "stop", q: "stop" };

let setup = { grippers: [], keys: [], sliders: [], drives: false };
let status = null;

/* ---- keys: held ones, hotkeys ---- */
function onKeyDown(event) {
  const typing = event.target.matches?.("input:not([type=range])");
  const key = event.key.toLowerCase();
  if (typing && (key === "escape" || key === "enter")) event.target.blur();
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (key === "tab") return;
  if (key === " " && event.target.matches?.("button")) event.target.blur();
  event.preventDefault();
  event.stopImmediatePropagation(); // viser would move its camera
  if (MOTION.has(key)) {
    hold(event.code, key);
    return;
  }
  if (event.repeat && !"+=-[]".includes(key)) return;
  if (EVENTS[key]) say({ event: { name: EVENTS[key] } });
  else if (key === " " || key === "g") setup.grippers.slice(0, 1).forEach((name) => say({ gripper: name }));
  else if (key === "m" && setup.drives) say({ mode: "other" });
  else if (key === "[" || key === "]") say({ choose: key === "]" ? 1 : -1 });
  else if (key === "t" && setup.sliders.length) say({ stays: "other" });
  else if (key === "+" || key === "=") say({ faster: 0.1 });
  else if (key === "-") say({ faster: -0.1 });
  else if (key === "v") say({ view: true });
  else if (key === "enter") say({ start: true });
}
function onKeyUp(event) {
  letGo(event.code);
  event.stopImmediatePropagation();
}
watchKeys(onKeyDown, onKeyUp);

/* ---- controls ---- */
for (const button of document.querySelectorAll("[data-event]"))
  button.onclick = () => { say({ event: { name: button.dataset.event } }); button.blur(); };
for (const button of document.querySelectorAll("[data-mode]"))
  button.onclick = () => { say({ mode: button.dataset.mode }); button.blur(); };
$("speed").oninput = () => say({ speed: Number($("speed").value) });
$("speed").onchange = () => $("speed").blur();
for (const name of ["label", "note"]) $(name).oninput = () => say({ text: { [name]: $(name).value } });

function showCameras(names) {
  const shown = [...document.querySelectorAll("canvas[data-camera]")].map((canvas) => canvas.dataset.camera);
  if (shown.join("\n") === names.join("\n")) return;
  $("cameras").replaceChildren(...names.map((name) => {
    const canvas = element("canvas");
    canvas.dataset.camera = name;
    return element("figure", {}, canvas, element("figcaption", { textContent: name }));
  }));
}
function showSetup(content) {
  setup = content;
  showCameras(setup.cameras);
  $("note").value = "";
  $("mode").style.display = setup.drives ? "" : "none";
  $("speedrow").style.display = setup.keys.length ? "" : "none";
  $("labels").replaceChildren(...setup.labels.map((value) => element("option", { value })));
  $("grippers").replaceChildren(...setup.grippers.map((name) => {
    const button = element("button", { onclick: () => { say({ gripper: name }); button.blur(); } });
    button.dataset.gripper = name;
    return button;
  }));
  $("sliders").replaceChildren(...setup.sliders.map(({ name, low, high, start }) => {
    const value = element("output", { textContent: start.toFixed(2) });
    const input = element("input", { type: "range", min: low, max: high, step: "any", value: start });
    input.oninput = () => {
      value.textContent = Number(input.value).toFixed(2);
      say({ slider: { name, value: Number(input.value) } });
    };
    input.onchange = () => input.blur();
    const label = element("span", { textContent: name, title: name, className: "name" });
    return element("label", {}, label, input, value);
  }));
  $("manner").style.display = setup.sliders.length ? "" : "none";
  showLegend();
}
let legendMode = null;
function showLegend() {
  const mode = status?.driving ? "base" : "arm";
  legendMode = mode;
  const rows = setup.keys.filter(([when]) => !when || when === mode);
  $("legend").style.display = rows.length ? "" : "none";
  $("legend").replaceChildren(...rows.flatMap(([, keys, meaning]) => [
    element("span", {}, ...keys.split(" ").map((key) => element("kbd", { textContent: key }))),
    element("span", { textContent: meaning }),
  ]));
}

/* ---- status ---- */
function hint(now) {
  const move = setup.grippers.length ? "drag the gizmo or hold a key" : "move a slider or hold a key";
  return {
    waiting: `To begin, ${move}`,
    recording: now.success ? "Success: press → to keep it" : !setup.drives ? "Recording" : now.driving ? "Driving the base" : "Moving the arm",
    over: "The episode has ended: → keeps it, ← records it again",
    replaying: "→ or ← ends the replay",
    done: `All ${now.wanted} are recorded: look at them, discard what is no good, or finish`,
  }[now.phase];
}
const PHASES = {
  waiting: () => "ready", recording: (now) => `● episode ${now.episode}`, over: () => "ended",
  replaying: (now) => `▶ episode ${now.episode}`, done: () => "✓ all recorded",
};
let message = "";
function showStatus(now) {
  const before = status;
  status = now;
  $("task").textContent = now.task;
  $("progress").max = now.wanted || 1;
  $("progress").value = now.kept;
  $("count").textContent = `${now.kept} of ${now.wanted}`;
  document.body.dataset.phase = now.phase;
  document.title = `${now.phase === "recording" ? "● " : ""}${now.kept}/${now.wanted} · ${now.task}`;
  $("phase").textContent = PHASES[now.phase](now);
  $("phase").className = `pill ${now.phase}`;
  $("hint").textContent = hint(now);
  const done = now.phase === "done";
  const success = now.success === null ? "no rule" : done ? "–" : now.success ? "✓ yes" : "not yet";
  $("success").textContent = success;
  $("success").parentElement.classList.toggle("on", now.success === true && !done);
  $("time").textContent = `${now.seconds.toFixed(1)} s`;
  $("frames").textContent = `${now.frames} frames`;
  $("rate").textContent = now.rate ? `${now.rate.toFixed(1)} Hz` : "–";
  $("fps").textContent = now.fps;
  $("missed").textContent = now.missed;
  const slow = now.frames > now.fps && (now.missed > 0.05 * now.frames || now.rate < 0.9 * now.fps);
  $("missed").className = now.missed && slow ? "bad" : "";
  $("rate").className = now.rate && slow ? "bad" : "";
  $("slow").hidden = !slow || now.phase !== "recording";
  const replaying = now.phase === "replaying";
  $("keep").firstChild.textContent = replaying ? "End replay " : "Keep, next ";
  $("keep").disabled = !replaying && !now.frames;
  $("again").disabled = replaying || !now.frames;
  $("skip").disabled = replaying;
  $("stop").firstChild.textContent = done ? "Finish " : "Stop ";
  $("stop").classList.toggle("main", done);
  showNumbers(now);
  for (const button of document.querySelectorAll("[data-mode]"))
    button.classList.toggle("on", (button.dataset.mode === "base") === now.driving);
  for (const button of document.querySelectorAll("[data-gripper]")) {
    const closed = now.closed.includes(button.dataset.gripper);
    const only = setup.grippers.length < 2;
    button.textContent = `${only ? "Gripper" : button.dataset.gripper} ${closed ? "closed" : "open"} `;
    if (button.dataset.gripper === setup.grippers[0]) button.append(element("kbd", { textContent: "Space" }));
  }
  if (document.activeElement !== $("speed")) $("speed").value = now.speed;
  if ((now.driving ? "base" : "arm") !== legendMode) showLegend();
  if (now.message !== message) toast((message = now.message));
  if (before?.episode !== now.episode || before?.phase !== now.phase) markShown();
}
function showNumbers(now) {
  if (!now.values) return;
  $("manner").textContent = now.stays ? "numbers stay where they are put" : "keys spring back when let go";
  [...$("sliders").children].forEach((row, number) => {
    const chosen = number === now.chosen;
    if (chosen && !row.classList.contains("chosen")) row.scrollIntoView({ block: "nearest" });
    row.classList.toggle("chosen", chosen);
    const input = row.querySelector("input");
    if (document.activeElement === input || row.matches(":active")) return;
    input.value = now.values[number];
    row.querySelector("output").textContent = now.values[number].toFixed(2);
  });
}
let toastTimer = 0;
function toast(text) {
  if (!text) return;
  $("toast").textContent = text;
  $("toast").classList.add("on");
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => $("toast").classList.remove("on"), 2500);
}

/* ---- cameras ---- */
async function showPicture(bytes) {
  const name = new TextDecoder().decode(bytes.subarray(1, 1 + bytes[0]));
  const picture = await createImageBitmap(new Blob([bytes.subarray(1 + bytes[0])], { type: "image/jpeg" }));
  const canvas = document.querySelector(`canvas[data-camera="${CSS.escape(name)}"]`);
  if (!canvas) return;
  if (canvas.width !== picture.width || canvas.height !== picture.height) {
    canvas.width = picture.width;
    canvas.height = picture.height;
    canvas.style.aspectRatio = `${picture.width} / ${picture.height}`;
  }
  canvas.getContext("2d").drawImage(picture, 0, 0);
  picture.close();
}

/* ---- recorded episodes, the newest first ---- */
const rows = new Map();
function showEpisodes(episodes) {
  const newest = [...episodes].reverse();
  const gone = episodes.filter((episode) => episode.discarded).length;
  $("total").textContent = `${episodes.length || ""}${gone ? ` · ${gone} discarded` : ""}`;
  $("none").hidden = episodes.length > 0;
  $("episodes").replaceChildren(...newest.map(rowOf));
  markShown();
}
function rowOf(episode) {
  const text = JSON.stringify(episode);
  const old = rows.get(episode.index);
  if (old?.text === text) return old.row;
  const mark = episode.success === null ? "" : episode.success ? "✓" : "✗";
  const missed = episode.missed ? ` · ${episode.missed} missed` : "";
  const ask = (name) => () => { say({ event: { name, episode: episode.index } }); document.activeElement.blur(); };
  const row = element("li", { className: episode.discarded ? "discarded" : "" },
    episode.picture
      ? element("img", { src: `pictures/${episode.index}.jpg?${episode.frames}`, alt: "" })
      : element("span", { className: "blank" }),
    element("div", { className: "what", title: episode.task },
      element("b", { textContent: `${episode.index} ` }),
      element("span", { textContent: mark, className: episode.success ? "good" : "bad" }), ` ${episode.task}`,
      element("br"), element("small", { textContent: `${episode.seconds.toFixed(1)} s${missed}` })),
    element("div", { className: "acts" },
      element("button", { textContent: "▶", title: "replay", onclick: ask("replay") }),
      element("button", { textContent: episode.discarded ? "↺" : "✕", title: episode.discarded ? "put back" : "discard", onclick: ask("discard") })));
  row.dataset.index = episode.index;
  rows.set(episode.index, { text, row });
  return row;
}
function markShown() {
  for (const row of $("episodes").children)
    row.classList.toggle("shown", status?.phase === "replaying" && Number(row.dataset.index) === status.episode);
}
connect({
  name: "robo record",
  hear: { setup: showSetup, status: showStatus, episodes: showEpisodes },
  picture: showPicture,
  gone: ["The recorder is gone",
    "What was kept is on the disk. Run the same command again: it brings back the open episode too, " +
    "and prints the address of a new page."],
  over: ["The session is over", "Everything that was kept is on the disk. This page can be closed."],
});
