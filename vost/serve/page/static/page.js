// Makes the page of vost a little better; everything works without it.
"use strict";

const words = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const units = [["year", 31557600], ["month", 2629800], ["week", 604800], ["day", 86400], ["hour", 3600], ["minute", 60]];

function tellTimes() {
  for (const time of document.querySelectorAll("time[datetime*='T']")) {
    const moment = new Date(time.dateTime);
    const seconds = (moment - Date.now()) / 1000;
    const unit = units.find(([, length]) => Math.abs(seconds) >= length);
    time.title = moment.toLocaleString("en", { dateStyle: "full", timeStyle: "long" });
    time.textContent = unit ? words.format(Math.round(seconds / unit[1]), unit[0]) : "just now";
  }
}

function filterNames() {
  const field = document.getElementById("filter");
  if (!field) return;
  const rows = [...document.querySelectorAll(".listing > li")];
  const head = document.getElementById("entries");
  const all = head.textContent;
  const sent = field.value;
  field.addEventListener("input", () => {
    const wanted = field.value.toLowerCase();
    let count = 0;
    for (const row of rows) {
      row.hidden = !row.firstElementChild.textContent.toLowerCase().includes(wanted);
      if (!row.hidden) count += 1;
    }
    head.textContent = field.value === sent ? all : `${count} on this page with “${field.value}”`;
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, select, textarea");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      field.focus();
    } else if (event.key === "Escape" && event.target === field) {
      field.value = "";
      field.dispatchEvent(new Event("input"));
    }
  });
}

function closeSwitch() {
  const box = document.querySelector(".switch");
  if (!box) return;
  document.addEventListener("click", (event) => {
    if (!box.contains(event.target)) box.open = false;
  });
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !box.open) return;
    box.open = false;
    box.querySelector("summary").focus();
  });
}

// Somebody who reads further down, has chosen something or watches a film is not disturbed.
function isBusy() {
  const typed = document.getElementById("filter");
  return window.scrollY > 80 || String(getSelection()) !== "" || document.querySelector("details[open]") ||
    (typed && typed.value !== typed.defaultValue) || document.querySelector(".pdf") ||
    [...document.querySelectorAll("video, audio")].some((media) => media.currentTime > 0);
}

function showNews() {
  const news = document.getElementById("news");
  if (news.firstChild) return;
  const button = document.createElement("button");
  button.textContent = "Show it";
  button.addEventListener("click", () => location.reload());
  news.append("There is a new commit here.", button);
}

function watch() {
  const { events, state } = document.body.dataset;
  if (!events || !window.EventSource) return;
  let source = null;
  const look = () => {
    // Browsers have few connections for one server: a page that nobody sees takes none.
    if (document.hidden) {
      if (source) source.close();
      source = null;
    } else if (!source) {
      source = new EventSource(events);
      source.addEventListener("message", (event) => {
        if (JSON.parse(event.data).state === state) return;
        source.close();
        if (isBusy()) showNews();
        else location.reload();
      });
    }
  };
  document.addEventListener("visibilitychange", look);
  addEventListener("pagehide", () => {
    if (source) source.close();
    source = null;
  });
  addEventListener("pageshow", (event) => {
    if (event.persisted) look(); // a page from memory: the first event tells whether it is old
  });
  look();
}

tellTimes();
setInterval(tellTimes, 60000);
filterNames();
closeSwitch();
watch();
