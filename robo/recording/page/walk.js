"use strict";
const SHOWN_SECONDS = 8;
const DRIVING = new Set(["w", "a", "s", "d", "q", "e"]);
const UNITS = { forward: "m/s", sideways: "m/s", turning: "rad/s" };
const TITLES = { forward: "forwards", sideways: "to the left", turning: "turning left" };
const NUMBERS = { payload: ["Payload", "kg", 1], friction: ["Friction", "", 2] };
const ARROWS = [["↖", 45], ["↑", 0], ["↗", -45], ["←", 90], null, ["→", -90], ["↙", 135], ["↓", 180], ["↘", -135]];

let setup = null;
let status = null;
let pushAngle = 90;
let history = [];

/* ---- keys and buttons that are held ---- */
function halt() {
  held.clear();
  say({ stop: true });
}
const push = () => say({ push: { speed: Number($("push").value), angle: pushAngle * Math.PI / 180 } });
const pace = (change) => say({ speed: Math.round(100 * ((status?.speed ?? 0.6) + change)) / 100 });
const ACTIONS = {
  " ": halt, p: push, r: () => say({ stand: true }), v: () => say({ turn_view: true }),
  "+": () => pace(0.1), "=": () => pace(0.1), "-": () => pace(-0.1),
};
function onKeyDown(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.key === "Tab") return;
  const key = event.key.toLowerCase();
  if (!DRIVING.has(key) && !ACTIONS[key]) return;
  event.preventDefault();
  event.stopImmediatePropagation(); // viser would move its camera
  if (DRIVING.has(key)) {
    hold(event.code, key);
  } else if (!event.repeat) ACTIONS[key]();
}
function onKeyUp(event) {
  letGo(event.code);
  if (DRIVING.has(event.key.toLowerCase())) event.stopImmediatePropagation();
}
watchKeys(onKeyDown, onKeyUp);
for (const button of document.querySelectorAll("[data-key]")) {
  button.onpointerdown = () => hold(button, button.dataset.key);
  for (const kind of ["pointerup", "pointerleave", "pointercancel"]) button.addEventListener(kind, () => letGo(button));
}
$("halt").onclick = () => { halt(); $("halt").blur(); };
$("stand").onclick = () => { say({ stand: true }); $("stand").blur(); };
$("end").onclick = () => say({ end: true });
$("speed").oninput = () => say({ speed: Number($("speed").value) });
$("speed").onchange = () => $("speed").blur();
$("push").oninput = showPush;
$("push").onchange = () => $("push").blur();
function showPush() {
  $("pushvalue").textContent = `${Number($("push").value).toFixed(1)} m/s`;
}
$("compass").append(...ARROWS.map((arrow) => {
  if (!arrow) return element("span", { className: "robot", textContent: "robot" });
  const [textContent, angle] = arrow;
  const button = element("button", { textContent, onclick: () => { pushAngle = angle; push(); markPush(); button.blur(); } });
  button.dataset.angle = angle;
  return button;
}));
function markPush() {
  for (const button of $("compass").querySelectorAll("button"))
    button.classList.toggle("last", Number(button.dataset.angle) === pushAngle);
}
markPush();

/* ---- what the robot is ---- */
function showSetup(content) {
  setup = content;
  history = [];
  const ground = setup.terrain === "flat" ? "flat ground" : setup.terrain;
  $("robot").textContent = `${setup.robot} on ${ground}`;
  $("policy").textContent = setup.note ? `${setup.policy}, ${setup.note}` : setup.policy;
  $("fps").textContent = setup.fps;
  $("push").max = setup.max_push;
  $("push").value = Math.min(0.8, setup.max_push);
  showPush();
  $("axes").replaceChildren(...setup.axes.map(({ name, limit }) => {
    const slider = element("input", { type: "range", min: -limit, max: limit, step: 0.05, value: 0 });
    slider.oninput = () => say({ slider: { name, value: Number(slider.value) } });
    slider.onchange = () => slider.blur();
    const figure = element("figure", {},
      element("figcaption", {},
        element("b", { textContent: TITLES[name] }), element("small", { textContent: UNITS[name] }),
        element("span", { className: "told", title: "told" }), element("span", { className: "done", title: "done" })),
      element("canvas", {}), slider);
    figure.dataset.axis = name;
    return figure;
  }));
  $("settings").replaceChildren(...setup.settings.map(({ name, low, high, start }) => {
    const [title, unit, digits] = NUMBERS[name];
    const output = element("output");
    const slider = element("input", { type: "range", min: low, max: high, step: 10 ** -digits, value: start });
    const show = () => { output.textContent = `${Number(slider.value).toFixed(digits)} ${unit}`; };
    slider.oninput = () => { show(); say({ setting: { name, value: Number(slider.value) } }); };
    slider.onchange = () => slider.blur();
    show();
    return element("label", {}, title, output, slider);
  }));
}

/* ---- what it does ---- */
const PHASES = { walking: "walking", standing: "standing", fallen: "fallen" };
const HINTS = {
  walking: () => "", fallen: () => "it stands up again",
  standing: () => "hold W, A, S, D, Q or E, or move a slider",
};
const minus = (number) => number.toFixed(2).replace("-", "−").replace(/^−0.00$/, "0.00");
function showStatus(now) {
  status = now;
  $("phase").textContent = PHASES[now.phase];
  $("phase").className = `pill ${now.phase}`;
  $("hint").textContent = HINTS[now.phase]();
  $("rate").textContent = now.rate ? `${now.rate.toFixed(1)} Hz` : "–";
  $("missed").textContent = now.missed;
  $("falls").textContent = now.falls;
  $("time").textContent = `${now.seconds.toFixed(0)} s`;
  const slow = now.seconds > 3 && now.rate < 0.95 * (setup?.fps ?? 50);
  $("rate").className = $("missed").className = slow ? "bad" : "";
  $("slow").hidden = !slow;
  if (document.activeElement !== $("speed")) $("speed").value = now.speed;
  $("speedvalue").textContent = `${Math.round(100 * now.speed)}%`;
  document.title = `${now.phase} · robo walk`;
  for (const button of document.querySelectorAll("[data-key]"))
    button.classList.toggle("on", now.keys.includes(button.dataset.key));
  for (const mark of document.querySelectorAll("#legend kbd"))
    mark.classList.toggle("held", now.keys.includes(mark.textContent.toLowerCase()));
  if (!setup) return;
  if (history.length && now.seconds < history[history.length - 1].seconds) history = [];
  history.push(now);
  while (history[0].seconds < now.seconds - SHOWN_SECONDS) history.shift();
  [...$("axes").children].forEach((figure, axis) => {
    figure.querySelector(".told").textContent = minus(now.command[axis]);
    figure.querySelector(".done").textContent = minus(now.velocity[axis]);
    const slider = figure.querySelector("input");
    if (document.activeElement !== slider && !slider.matches(":active")) slider.value = now.command[axis];
  });
}
function draw() {
  requestAnimationFrame(draw);
  if (!setup || !history.length || history.drawn === status) return;
  history.drawn = status;
  const colours = getComputedStyle(document.documentElement);
  [...$("axes").children].forEach((figure, axis) => {
    const canvas = figure.querySelector("canvas");
    const ratio = window.devicePixelRatio || 1;
    const width = canvas.clientWidth, height = canvas.clientHeight;
    if (canvas.width !== Math.round(width * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    const pen = canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    const reach = 1.25 * setup.axes[axis].limit;
    const x = ({ seconds }) => width * (1 - (status.seconds - seconds) / SHOWN_SECONDS);
    const y = (value) => height / 2 * (1 - Math.max(-1, Math.min(1, value / reach)));
    const line = (values, colour, thick) => {
      pen.beginPath();
      history.forEach((then, number) => pen[number ? "lineTo" : "moveTo"](x(then), y(values(then))));
      pen.strokeStyle = colour;
      pen.lineWidth = thick;
      pen.stroke();
    };
    line(() => 0, colours.getPropertyValue("--line"), 1);
    line((then) => then.command[axis], colours.getPropertyValue("--soft"), 1.5);
    line((then) => then.velocity[axis], colours.getPropertyValue("--accent"), 2);
  });
}
draw();
connect({
  name: "robo walk",
  hear: { setup: showSetup, status: showStatus },
  gone: ["The robot is gone", "Run robo walk again: it prints the address of a new page."],
  over: ["The walk is over", "This page can be closed."],
});
