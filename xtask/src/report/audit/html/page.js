// The page is whole without this: it only adds a filter for causes, agents, rules and findings.
const form = document.querySelector(".filter");
const input = form.querySelector("input");
const output = form.querySelector("output");
const entries = [...document.querySelectorAll(".entry")];
const texts = entries.map((entry) => `${entry.dataset.file ?? ""} ${entry.textContent}`.toLowerCase());
const files = [...document.querySelectorAll(".file")];
form.hidden = false;
form.addEventListener("submit", (event) => event.preventDefault());
input.addEventListener("input", () => {
  const wanted = input.value.trim().toLowerCase();
  let shown = 0;
  entries.forEach((entry, index) => {
    entry.hidden = !texts[index].includes(wanted);
    shown += entry.hidden ? 0 : 1;
  });
  for (const file of files) file.hidden = !file.querySelector(".entry:not([hidden])");
  output.textContent = wanted ? `${shown} of ${entries.length}` : "";
});
