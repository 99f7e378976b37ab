"use strict";
const $ = (id) => document.getElementById(id);
const COLOURS = ["#2f6f5e", "#c0392b", "#3a5fa8", "#b7791f", "#7d4aa3", "#1b8a9c", "#8a5a3c", "#5b7f1e", "#c2578c", "#555f66", "#d98224"];
const SHOWN_LINES = 11;
const AHEAD = 12; // pictures asked for before they are needed

let set = null, episode = null, numbers = null;
let frame = 0, playing = false, started = 0, startFrame = 0;
let pictures = new Map();

function element(tag, options = {}, ...children) {
  const made = Object.assign(document.createElement(tag), options);
  made.append(...children);
  return made;
}
/* Fetch; what goes wrong stands on the page until something goes well again. */
async function get(path) {
  let answer;
  try {
    answer = await fetch(path);
  } catch {
    notice("`robo data view` has ended. Run it again, and open the address that it prints.");
    throw new Error("the server is gone");
  }
  const problem = answer.ok ? "" : await answer.text();
  notice(problem);
  if (problem) throw new Error(problem);
  return answer;
}
const ask = async (path) => (await get(path)).json();
function notice(text) {
  $("notice").hidden = !text;
  $("notice").textContent = text;
}

/* ---- the dataset ---- */
async function begin() {
  set = await ask("set.json");
  document.title = set.name;
  $("name").textContent = set.name;
  const good = set.episodes.filter((e) => e.success).length;
  const judged = set.episodes.some((e) => e.success !== null);
  $("summary").textContent = `${set.episodes.length} episodes · ${set.frames} frames · ${set.fps} Hz` + (judged ? ` · ${good} succeeded` : "");
  $("cameras").replaceChildren(...set.cameras.map((name) => {
    const canvas = element("canvas");
    canvas.dataset.camera = name;
    return element("figure", {}, canvas, element("figcaption", { textContent: name.split(".").pop() }));
  }));
  $("episodes").replaceChildren(...set.episodes.map((e) => {
    const mark = e.success === null ? "" : e.success ? "✓" : "✗";
    const picture = set.cameras.length
      ? element("img", { loading: "lazy", alt: "", src: `frame/${e.index}/${e.frames - 1}/${set.cameras[0]}` })
      : element("span", { className: "blank" });
    const row = element("li", { onclick: () => show(e.index) }, picture,
      element("div", { className: "what", title: e.task }, element("b", { textContent: `${e.index} ` }),
        element("span", { textContent: mark, className: e.success ? "good" : "bad" }), ` ${e.task}`,
        element("br"), element("small", { textContent: `${e.seconds.toFixed(1)} s` })));
    row.dataset.index = e.index;
    return row;
  }));
  show(0);
}
$("filter").oninput = () => {
  const words = $("filter").value.toLowerCase();
  for (const row of $("episodes").children)
    row.hidden = !set.episodes[row.dataset.index].task.toLowerCase().includes(words);
  $("none").hidden = [...$("episodes").children].some((row) => !row.hidden);
};

/* ---- an episode ---- */
async function show(index) {
  if (index < 0 || index >= set.episodes.length) return;
  pause();
  pictures = new Map();
  episode = set.episodes[index];
  for (const row of $("episodes").children) {
    const shown = Number(row.dataset.index) === index;
    row.classList.toggle("shown", shown);
    if (shown) row.scrollIntoView({ block: "nearest" });
  }
  $("task").textContent = `${index}  ${episode.task}`;
  $("success").textContent = episode.success === null ? "not judged" : episode.success ? "success" : "no success";
  $("success").className = `pill ${episode.success === null ? "" : episode.success ? "good" : "bad"}`;
  $("facts").replaceChildren(...Object.entries(episode.facts).map(([name, value]) =>
    element("span", { textContent: `${name} ` }, element("b", { textContent: value }))));
  $("scrub").max = episode.frames - 1;
  numbers = null;
  go(0);
  const asked = index;
  const answer = await ask(`episode/${index}`).catch(() => null); // what is wrong is on the page
  if (episode.index !== asked || !answer) return;
  numbers = answer;
  $("skills").replaceChildren(...numbers.labels.filter(({ text }) => text).map(({ text, begin: from, end }, place) => {
    const span = element("span", { textContent: text, title: text, onclick: () => go(from) });
    span.style.left = `${(100 * from) / episode.frames}%`;
    span.style.width = `calc(${(100 * (end - from)) / episode.frames}% - 2px)`;
    span.style.background = COLOURS[place % COLOURS.length];
    return span;
  }));
  makePlots();
  draw();
}

/* ---- time ---- */
function go(to) {
  frame = Math.max(0, Math.min(episode.frames - 1, Math.round(to)));
  $("scrub").value = frame;
  $("clock").textContent = `${(frame / set.fps).toFixed(2)} s · ${frame} / ${episode.frames - 1}`;
  showPictures();
  draw();
}
function play() {
  if (frame >= episode.frames - 1) go(0);
  playing = true;
  started = performance.now();
  startFrame = frame;
  $("play").textContent = "❚❚";
  requestAnimationFrame(tick);
}
function pause() {
  playing = false;
  $("play").textContent = "▶";
}
function tick(now) {
  if (!playing) return;
  const next = startFrame + ((now - started) / 1000) * set.fps * Number($("pace").value);
  if (Math.floor(next) !== frame) go(Math.floor(next));
  if (frame >= episode.frames - 1) return pause();
  requestAnimationFrame(tick);
}
$("play").onclick = () => { playing ? pause() : play(); $("play").blur(); };
$("scrub").oninput = () => { pause(); go(Number($("scrub").value)); };
$("pace").onchange = () => { started = performance.now(); startFrame = frame; $("pace").blur(); };
addEventListener("keydown", (event) => {
  if (event.target === $("filter") || event.ctrlKey || event.metaKey || event.altKey || !episode) return;
  const act = {
    " ": () => (playing ? pause() : play()),
    ArrowLeft: () => { pause(); go(frame - 1); }, ArrowRight: () => { pause(); go(frame + 1); },
    ArrowUp: () => show(episode.index - 1), ArrowDown: () => show(episode.index + 1),
    Home: () => go(0), End: () => go(episode.frames - 1),
  }[event.key];
  if (act) { event.preventDefault(); act(); }
});

/* ---- pictures ---- */
function picture(camera, at) {
  const path = `frame/${episode.index}/${at}/${camera}`;
  if (!pictures.has(path)) {
    const coming = get(path).then((answer) => answer.blob()).then(createImageBitmap);
    coming.catch(() => pictures.get(path) === coming && pictures.delete(path));
    pictures.set(path, coming);
    if (pictures.size > 600) pictures.delete(pictures.keys().next().value);
  }
  return pictures.get(path);
}
async function showPictures() {
  const wanted = `${episode.index}/${frame}`;
  for (const canvas of document.querySelectorAll("canvas[data-camera]")) {
    const camera = canvas.dataset.camera;
    picture(camera, frame).then((image) => {
      if (`${episode.index}/${frame}` !== wanted && playing === false) return;
      if (canvas.width !== image.width || canvas.height !== image.height) {
        canvas.width = image.width;
        canvas.height = image.height;
        canvas.style.aspectRatio = `${image.width} / ${image.height}`;
      }
      canvas.getContext("2d").drawImage(image, 0, 0);
      canvas.dataset.shown = wanted;
    }, () => {});
    if (playing) for (let ahead = 1; ahead <= AHEAD; ahead++)
      if (frame + ahead < episode.frames) picture(camera, frame + ahead).catch(() => {});
  }
}

/* ---- plots ---- */
let plots = [];
const hidden = new Map(); // by column: lines that are switched off
const WIDE = 8; // so many times as far from zero as the middle one of its column: a scale of its own
function scalesOf(rows) {
  const reach = rows.map((row) => row.reduce((most, v) => (Number.isFinite(v) ? Math.max(most, Math.abs(v)) : most), 0));
  const moving = reach.filter((most) => most > 0).sort((a, b) => a - b);
  const usual = moving[moving.length >> 1] ?? 1;
  const largest = Math.max(...moving.filter((most) => most <= WIDE * usual), 0);
  return reach.map((most) => (most > WIDE * usual ? largest / most : 1));
}
function makePlots() {
  plots = Object.entries(numbers.columns).map(([key, rows]) => {
    const given = set.columns[key];
    const names = rows.map((_, i) => (Array.isArray(given) ? given[i] : null) ?? String(i));
    if (!hidden.has(key)) hidden.set(key, new Set(names.slice(SHOWN_LINES)));
    const off = hidden.get(key);
    const scales = scalesOf(rows);
    const canvas = element("canvas");
    const chips = names.map((name, i) => {
      const swatch = element("i");
      swatch.style.background = COLOURS[i % COLOURS.length];
      const chip = element("button", { className: off.has(name) ? "" : "on" }, swatch, name);
      if (scales[i] !== 1) chip.title = `dashed, drawn ${(1 / scales[i]).toPrecision(2)} times smaller`;
      chip.onclick = () => { off.delete(name) || off.add(name); chip.classList.toggle("on"); chip.blur(); draw(); };
      return chip;
    });
    const all = element("button", { textContent: "all / none", className: "on", onclick: () => {
      const empty = off.size > 0;
      names.forEach((name, i) => { empty ? off.delete(name) : off.add(name); chips[i].classList.toggle("on", empty); });
      draw();
    } });
    const seek = (event) => {
      const box = canvas.getBoundingClientRect();
      pause();
      go(((event.clientX - box.left) / box.width) * (episode.frames - 1));
    };
    canvas.onpointerdown = (event) => { canvas.setPointerCapture(event.pointerId); seek(event); };
    canvas.onpointermove = (event) => event.buttons && seek(event);
    const figure = element("figure", {}, element("small", { textContent: key }),
      element("div", { className: "names" }, ...(names.length > 1 ? [all] : []), ...chips), canvas);
    return { key, rows, names, off, scales, canvas, figure };
  });
  $("plots").replaceChildren(...plots.map((plot) => plot.figure));
}
function draw() {
  if (!numbers) return;
  for (const { rows, names, off, scales, canvas } of plots) {
    const ratio = devicePixelRatio, width = canvas.clientWidth, height = canvas.clientHeight;
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    const lines = rows.map((row, i) => ({ row: row.map((v) => (Number.isFinite(v) ? v * scales[i] : v)), i })).filter(({ i }) => !off.has(names[i]));
    const values = lines.flatMap(({ row }) => row.filter(Number.isFinite));
    let low = Math.min(...values.slice(0, 1), 0), high = low;
    for (const value of values) { low = Math.min(low, value); high = Math.max(high, value); }
    if (high - low < 1e-9) high = low + 1;
    const x = (at) => (at / Math.max(1, episode.frames - 1)) * width;
    const y = (value) => height - 6 - ((value - low) / (high - low)) * (height - 12);
    context.strokeStyle = "#e6eae8";
    context.beginPath(); context.moveTo(0, y(0)); context.lineTo(width, y(0)); context.stroke();
    for (const { row, i } of lines) {
      context.strokeStyle = COLOURS[i % COLOURS.length];
      context.lineWidth = 1.3;
      context.setLineDash(scales[i] === 1 ? [] : [5, 3]);
      context.beginPath();
      row.forEach((value, at) => Number.isFinite(value) && context.lineTo(x(at), y(value)));
      context.stroke();
    }
    context.setLineDash([]);
    context.strokeStyle = "#1f2a2c";
    context.lineWidth = 1;
    context.beginPath(); context.moveTo(x(frame), 0); context.lineTo(x(frame), height); context.stroke();
    context.fillStyle = "#66757a";
    context.font = "11px system-ui, sans-serif";
    context.strokeStyle = "#ffffffe0";
    context.lineWidth = 3;
    for (const [text, at] of [[high.toPrecision(3), 11], [low.toPrecision(3), height - 3]]) {
      context.strokeText(text, 3, at);
      context.fillText(text, 3, at);
    }
  }
}
addEventListener("resize", draw);
begin().catch((error) => notice($("notice").textContent || error.message));
