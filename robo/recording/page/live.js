"use strict";
/* What the pages of `robo record` and `robo walk` share: the channel to the robot, and held keys. */
const $ = (id) => document.getElementById(id);
const HEARTBEAT_MS = 200;

let channel = null;
let finished = false;

/* ---- channel ---- */
function say(message) {
  if (channel && channel.readyState === WebSocket.OPEN) channel.send(JSON.stringify(message));
}
/* Say and hear for as long as the page is open.
   page: { name, hear: { kind: (content) => … }, picture: (bytes) => …, gone: [title, rest], over: [title, rest] } */
function connect(page, missing = 0) {
  const address = new URL("channel", location.href);
  address.protocol = address.protocol.replace("http", "ws");
  channel = new WebSocket(address);
  channel.binaryType = "arraybuffer";
  channel.onopen = () => {
    missing = 0;
    veil("");
    release();
  };
  channel.onmessage = ({ data }) => {
    if (typeof data !== "string") return page.picture(new Uint8Array(data));
    const { kind, content } = JSON.parse(data);
    if (kind === "closed") end(page);
    else page.hear[kind]?.(content);
  };
  channel.onclose = () => {
    if (finished) return;
    release();
    missing += 1;
    veil(missing < 4 ? ["The connection is lost", "Trying again …"] : page.gone);
    setTimeout(() => connect(page, missing), Math.min(1000 * missing, 5000));
  };
}
function end(page) {
  finished = true;
  veil(page.over);
  document.title = `over · ${page.name}`;
}
function veil(text) {
  $("veil").hidden = !text;
  document.body.classList.toggle("lost", Boolean(text));
  const [title, rest] = text || ["", ""];
  $("veil").replaceChildren(element("div", {}, element("h2", { textContent: title }), element("p", { textContent: rest })));
}
function element(tag, options = {}, ...children) {
  const made = Object.assign(document.createElement(tag), options);
  made.append(...children);
  return made;
}

/* ---- keys that are held, in the page and in the frame with the scene ---- */
const held = new Map(); // physical key or button -> name
function sendKeys() {
  const names = [...new Set(held.values())];
  say({ keys: names });
  for (const mark of document.querySelectorAll("#legend kbd"))
    mark.classList.toggle("held", names.includes(mark.textContent.toLowerCase()));
}
function release() {
  held.clear();
  sendKeys();
}
function hold(key, name) {
  if (held.has(key)) return;
  held.set(key, name);
  sendKeys();
}
function letGo(key) {
  if (held.delete(key)) sendKeys();
}
function watchKeys(onDown, onUp) {
  const listen = (view) => {
    view.addEventListener("keydown", onDown, true);
    view.addEventListener("keyup", onUp, true);
    view.addEventListener("blur", () => setTimeout(() => document.hasFocus() || release(), 0));
  };
  listen(window);
  document.addEventListener("visibilitychange", release);
  setInterval(() => { if (held.size) sendKeys(); }, HEARTBEAT_MS);
  $("scene").addEventListener("load", () => listen($("scene").contentWindow));
  // Slow machines: ?fixedDpr=0.5 draws the scene with half the pixels.
  $("scene").src = "viser/?hideViserLogo" + location.search.replace("?", "&");
}
