/* Tables of three rows and more sort by a click on a column's head; those of eight and more can be searched. */
(() => {
  const text = (row, at) => (row.cells[at] ? row.cells[at].textContent.trim() : "");
  const figure = (words) => {
    const plain = words.replace(/[\u2009\u202f\u00a0]/g, " ").replace(/,(?=\d{3})/g, "").replace(/^\u2212/, "-");
    const found = /^[^\d.+-]{0,3}([+-]?\d*\.?\d+(?:e[+-]?\d+)?)(?![\d.]*-\d)/i.exec(plain);
    return found ? Number(found[1]) : NaN;
  };
  const compare = (a, b, numbers) =>
    numbers ? figure(a) - figure(b) : a.localeCompare(b, "en", { numeric: true, sensitivity: "base" });
  const sort = (body, at, down) => {
    const rows = [...body.rows];
    const told = rows.filter((row) => !["", "–"].includes(text(row, at)));
    const numbers = told.every((row) => !Number.isNaN(figure(text(row, at))));
    told.sort((a, b) => (down ? -1 : 1) * compare(text(a, at), text(b, at), numbers));
    body.append(...told, ...rows.filter((row) => !told.includes(row)));
  };
  const head = (table, cell, at) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...cell.childNodes);
    cell.append(button);
    button.addEventListener("click", () => {
      const down = cell.getAttribute("aria-sort") === "ascending";
      table.querySelectorAll("[aria-sort]").forEach((other) => other.removeAttribute("aria-sort"));
      cell.setAttribute("aria-sort", down ? "descending" : "ascending");
      sort(table.tBodies[0], at, down);
    });
  };
  const search = (table) => {
    const field = document.createElement("input");
    field.type = "search";
    field.placeholder = "Filter rows";
    field.setAttribute("aria-label", "Filter rows");
    field.addEventListener("input", () => {
      const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
      for (const row of table.tBodies[0].rows) {
        const content = row.textContent.toLowerCase();
        row.hidden = !words.every((word) => content.includes(word));
      }
    });
    table.closest(".table").before(field);
  };
  for (const table of document.querySelectorAll("table.data")) {
    const rows = table.tBodies[0].rows.length;
    if (rows >= 3) [...table.tHead.rows[0].cells].forEach((cell, at) => head(table, cell, at));
    if (rows >= 8) search(table);
  }
})();
