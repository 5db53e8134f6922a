// Sorts a table by the column whose heading is pressed; once more turns it round.
for (const button of document.querySelectorAll(".sortable button")) {
  button.addEventListener("click", () => {
    const head = button.closest("th"), body = button.closest("table").tBodies[0];
    const column = head.cellIndex, down = head.getAttribute("aria-sort") === "ascending";
    const value = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent;
    const order = (a, b) => button.dataset.kind === "number" ? value(a) - value(b) : value(a).localeCompare(value(b));
    const rows = [...body.rows].sort(order);
    body.append(...(down ? rows.reverse() : rows));
    for (const other of head.parentElement.cells) if (other.hasAttribute("aria-sort")) other.setAttribute("aria-sort", "none");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
  });
}
// What is folded is read on paper too.
addEventListener("beforeprint", () => { for (const each of document.querySelectorAll("details")) each.open = true; });
