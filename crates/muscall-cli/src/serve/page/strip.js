// Where in a track the words match: bars as high as the score, the best moment in another colour, others in a tint of it.

import { clock } from "./tools.js";

const BAR = 3;
const STEP = 4;
const HEIGHT = 40;

/** What the bars of some results have in common: the scale. */
export function scale(answers) {
  const scores = answers.flatMap((answer) => answer.strip.map((point) => point.score));
  const [low, high] = [Math.min(...scores), Math.max(...scores)];
  // Bent a little, so that the eye finds the peaks.
  return (score) => (high > low ? ((score - low) / (high - low)) ** 1.5 : 1);
}

/** Draws a strip and keeps it drawn; `seek(seconds)` is called when somebody chooses a place. */
export function strip(element, answer, height, seek) {
  const { duration_s: duration, moments } = answer;
  const points = answer.strip.map(({ start_s, end_s, score }) => ({ at: (start_s + end_s) / 2, score }));
  const [svg, at, here, tip] = element.children;
  const draw = () => {
    const width = element.clientWidth;
    if (!width || !points.length) return;
    svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    const paths = ["", "", ""];
    for (let x = 0; x + BAR <= width; x += STEP) {
      const time = ((x + BAR / 2) / width) * duration;
      const y = Math.max(2, Math.round(height(between(points, time)) * (HEIGHT - 2)) + 2);
      const moment = moments.findIndex(({ start_s, end_s }) => time >= start_s && time < end_s);
      paths[moment < 0 ? 0 : moment === 0 ? 2 : 1] += `M${x} ${HEIGHT - y}h${BAR}v${y}h-${BAR}z`;
    }
    [...svg.children].forEach((path, i) => path.setAttribute("d", paths[i]));
  };
  new ResizeObserver(draw).observe(element);

  const time = (event) => {
    const box = element.getBoundingClientRect();
    return Math.max(0, Math.min(1, (event.clientX - box.left) / box.width)) * duration;
  };
  element.addEventListener("click", (event) => seek(Math.min(time(event), duration - 0.1)));
  element.addEventListener("pointermove", (event) => {
    if (event.pointerType === "touch") return;
    const share = time(event) / duration;
    here.style.left = `${100 * share}%`;
    tip.style.left = `${Math.max(3, Math.min(97, 100 * share))}%`;
    tip.textContent = clock(time(event));
  });
  element.setAttribute("aria-label", `Where ${answer.title} fits`);
  element.setAttribute("aria-valuemax", Math.round(duration));

  const show = (seconds) => {
    at.style.left = `${(100 * seconds) / duration}%`;
    element.setAttribute("aria-valuenow", Math.round(seconds));
    element.setAttribute("aria-valuetext", `${clock(seconds)} of ${clock(duration)}`);
  };
  show(0);
  return show;
}

/** The score at a time, between the middles of two windows. */
function between(points, time) {
  const next = points.findIndex((point) => point.at >= time);
  if (next === 0) return points[0].score;
  if (next < 0) return points.at(-1).score;
  const [a, b] = [points[next - 1], points[next]];
  return a.score + ((b.score - a.score) * (time - a.at)) / (b.at - a.at || 1);
}
