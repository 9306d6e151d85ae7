// One player for all results.

import { clock, get, icon } from "./tools.js";

const part = (id) => document.getElementById(id);
const [audio, panel, seek, toggle, now, note, time] =
  ["audio", "player", "seek", "toggle", "now", "note", "time"].map(part);

/** What is in the player: an answer, or nothing. */
let current = null;
let changed = () => {};

/** `listener(answer, seconds, playing)` hears of every change, several times a second while it plays. */
export function onPlayer(listener) {
  changed = listener;
}

export function playing() {
  return current;
}

/** Whether it has come to the end of the track. */
export function ended() {
  return audio.ended;
}

/** Plays from a moment on. */
export async function play(answer, from) {
  if (current?.audio !== answer.audio) {
    audio.src = answer.audio;
    audio.load();
  }
  current = answer;
  panel.hidden = false;
  document.body.classList.add("listening");
  now.textContent = answer.title;
  note.textContent = "";
  // Before the length is known, this is where playing will begin.
  audio.currentTime = from;
  await audio.play().catch((error) => {
    if (error.name === "NotAllowedError") note.textContent = "Press play to listen.";
  });
}

export function toggleSound() {
  if (!current) return;
  if (audio.paused) audio.play().catch(() => {});
  else audio.pause();
}

export function seekBy(seconds) {
  if (!current) return;
  audio.currentTime = Math.max(0, Math.min(length() - 0.1, audio.currentTime + seconds));
}

export function stop() {
  audio.pause();
  audio.removeAttribute("src");
  audio.load();
  current = null;
  panel.hidden = true;
  document.body.classList.remove("listening");
  show();
}

function length() {
  return Number.isFinite(audio.duration) ? audio.duration : current?.duration_s ?? 0;
}

function show() {
  const sounds = Boolean(current) && !audio.paused;
  toggle.replaceChildren(icon(sounds ? "pause" : "play"));
  toggle.setAttribute("aria-label", sounds ? "Pause" : "Play");
  if (current) {
    seek.max = length();
    seek.value = audio.currentTime;
    seek.style.setProperty("--share", `${(100 * audio.currentTime) / (length() || 1)}%`);
    seek.setAttribute("aria-valuetext", `${clock(audio.currentTime)} of ${clock(length())}`);
    time.textContent = `${clock(audio.currentTime)} / ${clock(length())}`;
  }
  changed(current, audio.currentTime, sounds);
}

function follow() {
  show();
  if (current && !audio.paused) requestAnimationFrame(follow);
}

audio.addEventListener("playing", follow);
for (const event of ["pause", "ended", "seeked", "loadedmetadata"]) audio.addEventListener(event, show);
audio.addEventListener("error", async () => {
  if (!current) return;
  // The server knows why better than the browser does.
  const why = get(current.audio, { headers: { Range: "bytes=0-0" } });
  note.textContent = await why.then(() => "This browser cannot play this file.", (error) => error.message);
  show();
});
seek.addEventListener("input", () => {
  audio.currentTime = Number(seek.value);
});
toggle.addEventListener("click", toggleSound);
part("close").addEventListener("click", stop);
now.addEventListener("click", () => document.querySelector(".current")?.focus());
show();
