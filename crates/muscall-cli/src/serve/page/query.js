// What is looked for: words, chips, filters. It lives in the address, so that it can be shared.

import { clock, get } from "./tools.js";

const form = document.getElementById("form");
const box = document.getElementById("q");
const list = document.getElementById("chips");
const template = document.getElementById("chip");

/** Words and tracks beside the phrase: {weight, text} or {weight, track, start_s?, end_s?, title?}. */
let chips = [];
let changed = () => {};

export function onChange(listener) {
  changed = listener;
}

export function isEmpty() {
  return !box.value.trim() && !chips.some((chip) => chip.weight);
}

/** Tracks that more is wanted of: no news as results. */
export function known() {
  return new Set(chips.filter((chip) => chip.track !== undefined && chip.weight > 0).map((chip) => chip.track));
}

export function addTrack({ track, title, content }, weight) {
  chips = chips.filter((chip) => chip.track !== track);
  chips.push({ weight, track, title, content });
  draw();
}

/** The request for the server. Its own grammar reads the words. */
export async function request(top, signal) {
  const words = box.value.trim();
  const typed = words ? (await get(`/api/words?q=${encodeURIComponent(words)}`, { signal })).terms : [];
  const wanted = chips.filter((chip) => chip.weight);
  // Numbers of tracks are given anew when an index is compacted.
  await Promise.all(wanted.filter((chip) => chip.content).map((chip) => get(trackAddress(chip), { signal })));
  const beside = wanted.map(({ title, content, ...term }) => term);
  const { path, tags, min, max, variety } = options();
  const filter = {};
  if (path) filter.path = path;
  if (tags) filter.tags = tags.split(",").map((tag) => tag.trim()).filter(Boolean);
  if (min) filter.min_duration_s = 60 * Number(min);
  if (max) filter.max_duration_s = 60 * Number(max);
  const request = { terms: [...typed, ...beside], top, filter };
  if (Number(variety)) request.diversity = Number(variety);
  return request;
}

/** Where the server tells of a track, and whether it still is the one that was chosen. */
function trackAddress({ track, content }) {
  return `/api/track/${track}${content ? `?content=${content}` : ""}`;
}

/** Turns signed words into chips, when somebody has finished typing. */
export async function absorb() {
  const words = box.value.trim();
  if (!/(^|\s)[-−+]\S/.test(words)) return;
  const { terms } = await get(`/api/words?q=${encodeURIComponent(words)}`);
  if (box.value.trim() !== words) return;
  const [phrase] = terms.filter((term) => term.weight === 1);
  box.value = quoted(phrase?.text ?? "");
  chips.push(...terms.filter((term) => term !== phrase));
  draw();
}

/** A phrase as the grammar reads it back: words that begin with a sign stand in quotation marks. */
function quoted(phrase) {
  return /(^|\s)[-−+]\S/.test(phrase) && !phrase.includes('"') ? `"${phrase}"` : phrase;
}

function options() {
  return Object.fromEntries(new FormData(form));
}

export function toAddress() {
  const address = new URLSearchParams();
  if (box.value.trim()) address.set("q", box.value.trim());
  for (const { weight, text, track, start_s, end_s, content } of chips) {
    const stretch = start_s === undefined ? "" : ` ${start_s}-${end_s}`;
    const which = content ? ` @${content}` : "";
    address.append(text === undefined ? "track" : "term", `${weight} ${text ?? track}${stretch}${which}`);
  }
  for (const [name, value] of Object.entries(options())) {
    if (value && value !== "0") address.set(name, value);
  }
  return address.toString();
}

export async function fromAddress(hash) {
  const address = new URLSearchParams(hash.replace(/^#/, ""));
  box.value = address.get("q") ?? "";
  for (const name of ["path", "tags", "min", "max", "variety"]) {
    form.elements[name].value = address.get(name) ?? (name === "variety" ? "0" : "");
  }
  document.getElementById("options").open = ["path", "tags", "min", "max", "variety"].some((name) => address.has(name));
  chips = [];
  for (const value of address.getAll("term")) {
    const [, weight, text] = value.match(/^(-?[\d.]+) (.+)$/) ?? [];
    if (text) chips.push({ weight: clamp(weight), text });
  }
  for (const value of address.getAll("track")) {
    const track = value.match(/^(-?[\d.]+) (\d+)(?: ([\d.]+)-([\d.]+))?(?: @([\da-f]+))?$/);
    if (!track) continue;
    const [, weight, number, start, end, content] = track;
    const chip = { weight: clamp(weight), track: Number(number), content };
    if (start) Object.assign(chip, { start_s: Number(start), end_s: Number(end) });
    chips.push(chip);
  }
  draw();
  await Promise.all(chips.filter((chip) => chip.track !== undefined).map(async (chip) => {
    chip.title = (await get(trackAddress(chip)).catch(() => ({}))).title;
  }));
  draw();
}

function clamp(weight) {
  return Math.max(-1, Math.min(1, Number(weight) || 0));
}

function draw() {
  list.replaceChildren(...chips.map((chip) => {
    const item = template.content.firstElementChild.cloneNode(true);
    const [output, name, slider, remove] = item.children;
    const range = chip.start_s === undefined ? "" : `, ${clock(chip.start_s)}–${clock(chip.end_s)}`;
    const label = chip.text ?? `like ${chip.title ?? `track ${chip.track}`}${range}`;
    name.textContent = label;
    name.title = label;
    slider.value = chip.weight;
    slider.setAttribute("aria-label", `Weight of ${label}`);
    remove.setAttribute("aria-label", `Remove ${label}`);
    const show = () => {
      item.className = chip.weight > 0 ? "plus" : chip.weight < 0 ? "minus" : "off";
      output.textContent = `${chip.weight > 0 ? "+" : chip.weight < 0 ? "−" : "±"}${Math.abs(chip.weight).toFixed(1)}`;
    };
    show();
    slider.addEventListener("input", () => {
      chip.weight = Number(slider.value);
      show();
      changed();
    });
    remove.addEventListener("click", () => {
      chips = chips.filter((other) => other !== chip);
      draw();
      box.focus();
      changed();
    });
    return item;
  }));
}
