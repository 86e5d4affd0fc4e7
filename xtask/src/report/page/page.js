// The page is whole without this: it only adds a filter for the checks.
const form = document.querySelector(".filter");
const input = form.querySelector("input");
const output = form.querySelector("output");
const rows = [...document.querySelectorAll("tr.check")];
form.hidden = false;
form.addEventListener("submit", (event) => event.preventDefault());
input.addEventListener("input", () => {
  const wanted = input.value.trim().toLowerCase();
  let shown = 0;
  for (const row of rows) {
    row.hidden = !row.textContent.toLowerCase().includes(wanted);
    shown += row.hidden ? 0 : 1;
  }
  output.textContent = wanted ? `${shown} of ${rows.length}` : "";
});
