// Deadlines that count down, rows and pages by key, questions before what cannot be undone.
"use strict";

const UNITS = [["day", 86400], ["h", 3600], ["min", 60], ["s", 1]];

function span(seconds) {
  for (const [unit, size] of UNITS) {
    if (seconds >= 2 * size || unit === "s") {
      const number = Math.floor(seconds / size);
      return unit === "day" ? `${number} days` : `${number} ${unit}`;
    }
  }
  return "";
}

function tick() {
  for (const node of document.querySelectorAll("[data-due]")) {
    const left = (Date.parse(node.dataset.due) - Date.now()) / 1000;
    node.textContent = left >= 0 ? `in ${span(left)}` : `${span(-left)} ago`;
    node.classList.toggle("late", left < 0);
    node.classList.toggle("soon", left >= 0 && left < 600);
  }
}

let gone = false; // whether the last key was a `g`

function typing(target) {
  return target.closest("input, textarea, select, [contenteditable]") !== null;
}

function step(by) {
  const rows = [...document.querySelectorAll("main tbody tr a:first-of-type")].filter(
    (link, i, all) => all.findIndex((l) => l.closest("tr") === link.closest("tr")) === i);
  if (!rows.length) return;
  const at = rows.findIndex((link) => link.closest("tr").contains(document.activeElement));
  rows[Math.min(Math.max(at + by, 0), rows.length - 1)].focus();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
  const key = event.key;
  if (gone) {
    gone = false;
    const link = document.querySelector(`nav [data-key="${CSS.escape(key)}"]`);
    if (link) { link.click(); event.preventDefault(); }
    return;
  }
  if (key === "g") gone = true;
  else if (key === "j") step(1);
  else if (key === "k") step(-1);
  else if (key === "?") document.getElementById("keys")?.showModal();
  else if (key === "/") {
    const search = document.querySelector("main input[type=search]");
    if (search) { search.focus(); event.preventDefault(); }
  }
});

document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (event.defaultPrevented || !button) return;
  // Twice is a slip: the answer is written once, but the second page would say that it was refused.
  setTimeout(() => { button.disabled = true; }, 0);
});

window.addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("button:disabled:not([data-off])")) {
    button.disabled = false;
  }
});

// What is replaced while somebody stands in it gives them back their place. What has an id, htmx sees to.
const named = (node) => [node.tagName, node.getAttribute("href"), node.name, node.ariaLabel].join(" ");
const alike = (within, name) =>
  [...within.querySelectorAll("a, button, input, [tabindex]")].filter((node) => named(node) === name);
let place = null;

document.addEventListener("htmx:beforeSwap", (event) => {
  const node = document.activeElement, within = event.detail.target;
  place = !node.id && node !== within && within.contains(node)
    ? { within: within.id, name: named(node), at: alike(within, named(node)).indexOf(node) } : null;
});

document.addEventListener("htmx:afterSettle", () => {
  const within = place && document.getElementById(place.within);
  if (within && document.activeElement === document.body) {
    const there = alike(within, place.name);
    there[Math.min(place.at, there.length - 1)]?.focus({ preventScroll: true });
  }
  place = null;
  tick();
});
tick();
setInterval(tick, 1000);
