// Keys, and the switch between dark and light.

import { playing, seekBy, stop, toggleSound } from "./player.js";
import { choose, count, playChosen } from "./results.js";

const box = document.getElementById("q");

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const { target, key } = event;
  const typing = target.matches("input:not([type=range]), textarea");
  const sliding = target.matches("input[type=range]");
  const pressing = target.closest("button, summary, a") && (key === "Enter" || key === " ");
  const seconds = { ArrowLeft: -5, ArrowRight: 5 }[key];
  const step = { ArrowUp: -1, ArrowDown: 1, k: -1, j: 1 }[key];
  if (key === "Escape") {
    if (typing) target.blur();
    else if (playing()) stop();
  } else if (target === box && key === "ArrowDown" && count()) {
    choose(1);
  } else if (typing || pressing || (sliding && key.startsWith("Arrow"))) {
    return;
  } else if (key === "/") {
    box.focus();
    box.select();
  } else if (step && count()) {
    if (!choose(step)) return;
    if (step < 0 && !document.activeElement.closest("#results li")) box.focus();
  } else if (seconds && playing()) {
    seekBy(seconds);
  } else if (key === "Enter" || key === " ") {
    if (!playChosen()) {
      if (!playing()) return;
      toggleSound();
    }
  } else {
    return;
  }
  event.preventDefault();
});

document.getElementById("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = getComputedStyle(root).colorScheme === "dark" || (!root.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
  root.dataset.theme = dark ? "light" : "dark";
  try {
    localStorage.setItem("theme", root.dataset.theme);
  } catch {
    // It holds until the page is closed.
  }
});
