// The list of what was found.

import { ended, onPlayer, play, playing, toggleSound } from "./player.js";
import { scale, strip } from "./strip.js";
import { clock, icon } from "./tools.js";

const list = document.getElementById("results");
const template = document.getElementById("result");

/** Rows as {item, answer, show}. */
let rows = [];

/** Shows answers; `steer(answer, weight)` is called for more or less like one. */
export function showResults(answers, steer) {
  const height = scale(answers);
  rows = answers.map((answer) => row(answer, height, steer));
  list.replaceChildren(...rows.map(({ item }) => item));
  if (rows.length) rows[0].item.tabIndex = 0;
}

export function count() {
  return rows.length;
}

function row(answer, height, steer) {
  const item = template.content.firstElementChild.cloneNode(true);
  const find = (selector) => item.querySelector(selector);
  item.dataset.track = answer.track;
  item.setAttribute("aria-label", answer.title);
  find("h2").textContent = answer.title;
  find(".score").textContent = answer.score.toFixed(2).replace("-", "−");
  find(".score").title = "How well the track and its best moment fit; comparable within one search only";
  const facts = [answer.artist, answer.album, clock(answer.duration_s), answer.path];
  find(".path").textContent = facts.filter(Boolean).join(" · ");
  find(".path").title = answer.path;
  const best = answer.moments[0]?.start_s ?? 0;
  const button = find(".play");
  button.addEventListener("click", () => {
    if (playing()?.track === answer.track && !ended()) toggleSound();
    else play(answer, best);
  });
  find(".moments").replaceChildren(...answer.moments.map((moment) => {
    const [entry, choose] = [document.createElement("li"), document.createElement("button")];
    choose.type = "button";
    choose.textContent = `${clock(moment.start_s)}–${clock(moment.end_s)}`;
    choose.setAttribute("aria-label", `Play from ${clock(moment.start_s)} to ${clock(moment.end_s)}`);
    choose.dataset.start = moment.start_s;
    choose.addEventListener("click", () => play(answer, moment.start_s));
    entry.append(choose);
    return entry;
  }));
  find(".plus").addEventListener("click", () => steer(answer, 0.5));
  find(".minus").addEventListener("click", () => steer(answer, -0.5));
  const show = strip(find(".strip"), answer, height, (seconds) => play(answer, seconds));
  const entry = { item, answer, show, button };
  mark(entry, null, 0, false);
  return entry;
}

function mark({ item, answer, show, button }, current, seconds, sounds) {
  const here = current?.track === answer.track;
  const state = here ? (sounds ? "pause" : "resume") : "play";
  if (button.dataset.state !== state) {
    button.dataset.state = state;
    button.replaceChildren(icon(sounds && here ? "pause" : "play"));
    button.setAttribute("aria-label", `${sounds && here ? "Pause" : "Play"} ${answer.title}`);
    item.classList.toggle("current", here);
  }
  if (here) show(seconds);
}

onPlayer((current, seconds, sounds) => {
  for (const entry of rows) mark(entry, current, seconds, sounds);
});

/** The row that has the focus, or holds what has it. */
function chosen() {
  return rows.findIndex(({ item }) => item.contains(document.activeElement));
}

/** Goes up or down the list; returns whether there was somewhere to go. */
export function choose(step) {
  const from = chosen();
  const to = from < 0 ? (step > 0 ? 0 : -1) : from + step;
  if (to < 0 || to >= rows.length) return to < 0;
  rows.forEach(({ item }, i) => {
    item.tabIndex = i === to ? 0 : -1;
  });
  rows[to].item.focus({ preventScroll: true });
  rows[to].item.scrollIntoView({ block: "nearest" });
  return true;
}

/** Plays or pauses the row that has the focus. */
export function playChosen() {
  const row = rows[chosen()];
  if (row) row.button.click();
  return Boolean(row);
}
