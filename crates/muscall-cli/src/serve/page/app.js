// Puts the parts together: typing, searching, the address.

import "./keys.js";
import * as query from "./query.js";
import { savePlaylist } from "./playlist.js";
import { showResults } from "./results.js";
import { get } from "./tools.js";

const IDEAS = ["calm solo piano", "powerful drums", "a lively reel on a flute", "heavy metal -vocals", "orchestral +epic -calm"];
const PAUSE_MS = 300;
const TOP = 10;
const VERDICTS = { nothing: "Nothing here fits these words well; this is the nearest", fair: "These fit in part" };
const MOST = 50;

const part = (id) => document.getElementById(id);
const [box, status, problem, more, save] = ["q", "status", "problem", "more", "save"].map(part);
let top = TOP;
/** What the list shows. */
let shown = null;
let running = null;
let timer = 0;

/** While somebody types, half a line is no mistake: what was found stays. */
async function search({ typing = false } = {}) {
  clearTimeout(timer);
  running?.abort();
  problem.hidden = true;
  document.body.classList.toggle("start", query.isEmpty());
  if (query.isEmpty()) {
    showResults([]);
    status.classList.remove("nothing");
    status.textContent = "";
    more.hidden = true;
    save.hidden = true;
    busy(false);
    return;
  }
  const mine = (running = new AbortController());
  busy(true);
  try {
    const known = query.known();
    const request = await query.request(Math.min(100, top + known.size), mine.signal);
    const { answers, verdict, took_ms } = await get("/api/search", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(request),
      signal: mine.signal,
    });
    const news = answers.filter((answer) => !known.has(answer.track)).slice(0, top);
    showResults(news, steer);
    more.hidden = news.length < top || top >= MOST;
    shown = request;
    save.hidden = !news.length;
    const tracks = news.length === 1 ? "1 track" : `${news.length} tracks`;
    status.classList.toggle("nothing", !news.length);
    const took = `${tracks} in ${Math.max(1, Math.round(took_ms))} ms`;
    status.textContent = news.length ? [VERDICTS[verdict], took].filter(Boolean).join(" · ") : nothing(request);
    busy(false);
  } catch (error) {
    if (mine.signal.aborted) return;
    busy(false);
    if (typing && error.status === 400) return;
    showResults([]);
    more.hidden = true;
    save.hidden = true;
    status.textContent = "";
    problem.firstElementChild.textContent = error.message;
    problem.hidden = false;
  }
}

function nothing({ filter }) {
  return Object.keys(filter).length
    ? "No track passes the filters. Loosen one under “Narrow down”."
    : "Nothing found. Add music to the index, and it appears here.";
}

function busy(is) {
  document.body.classList.toggle("busy", is);
  part("results").setAttribute("aria-busy", is);
}

function remember(how) {
  const address = `#${query.toAddress()}`;
  if (address !== (location.hash || "#")) history[how](null, "", address === "#" ? location.pathname : address);
}

/** After a pause, so that a slider that moves is one search. */
function soon() {
  clearTimeout(timer);
  top = TOP;
  timer = setTimeout(() => {
    remember("replaceState");
    search({ typing: true });
  }, PAUSE_MS);
}

async function submit() {
  top = TOP;
  await query.absorb().catch(() => {});
  remember("pushState");
  await search();
}

function steer(answer, weight) {
  query.addTrack(answer, weight);
  scrollTo({ top: 0, behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  submit();
}

async function restore() {
  top = TOP;
  await query.fromAddress(location.hash);
  await query.absorb().catch(() => {});
  await search();
}

part("form").addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});
part("form").addEventListener("input", (event) => {
  if (!event.target.closest("#chips")) soon();
});
query.onChange(soon);
problem.querySelector("button").addEventListener("click", () => search());
more.addEventListener("click", () => {
  top = Math.min(MOST, top + 20);
  search();
});
save.addEventListener("click", () => savePlaylist(shown, box.value.trim()).catch((error) => {
  problem.firstElementChild.textContent = error.message;
  problem.hidden = false;
}));
addEventListener("popstate", restore);

part("ideas").querySelector("ul").replaceChildren(...IDEAS.map((idea) => {
  const [item, button] = [document.createElement("li"), document.createElement("button")];
  button.type = "button";
  button.textContent = idea;
  button.addEventListener("click", () => {
    box.value = idea;
    submit();
  });
  item.append(button);
  return item;
}));

get("/api/health").then(({ tracks, segments }) => {
  const number = (x) => x.toLocaleString("en");
  const [moments, about] = [document.createElement("span"), tracks === 1 ? "1 track" : `${number(tracks)} tracks`];
  moments.textContent = `, ${number(segments)} moments`;
  part("about").replaceChildren(about, moments);
  if (!tracks) status.textContent = "The index is empty. Add music to it, and search here.";
}, () => {});
restore();
if (!matchMedia("(pointer: coarse)").matches && !location.hash) box.focus();
