// The words over a pane: its name, its values under the crosshair (else the last ones), and the
// buttons that move it. Names of pairs and venues come from outside: they are set as text only.

function element(kind, name, text = "") {
  const made = document.createElement(kind)
  made.className = name
  made.textContent = text
  return made
}

function button(label, name, act) {
  const made = element("button", name, label)
  made.type = "button"
  made.addEventListener("click", act)
  return made
}

// Lets an element be dragged. `drag` is told at what height of the window it is, null where the
// drag was broken off, and whether it was let go there. [px]
function draggable(made, drag) {
  made.title = "Drag to move"
  made.addEventListener("pointerdown", (event) => {
    // A finger scrolls the page; it has the arrows.
    if (event.button || event.pointerType === "touch") return
    event.preventDefault()
    made.setPointerCapture(event.pointerId)
  })
  const follow = (event) => {
    if (!made.hasPointerCapture(event.pointerId)) return
    const isEnd = event.type !== "pointermove"
    if (isEnd) made.releasePointerCapture(event.pointerId)
    drag(event.type === "pointercancel" ? null : event.clientY, isEnd)
  }
  for (const name of ["pointermove", "pointerup", "pointercancel"])
    made.addEventListener(name, follow)
}

class PaneTitle {
  constructor(label, move, drag) {
    this.box = element("div", "title")
    this.box.dataset.pane = label
    this.name = element("span", "name")
    draggable(this.name, (y, isEnd) => drag(label, y, isEnd))
    this.bars = element("span", "bars")
    this.value = element("b", "value")
    this.after = element("span", "after")
    this.others = element("span", "others")
    this.moves = element("span", "moves")
    for (const [sign, step, way] of [["↑", -1, "up"], ["↓", 1, "down"]]) {
      const made = button(sign, "move", () => move(label, step))
      made.setAttribute("aria-label", `Move ${label} ${way}`)
      made.title = `Move ${way}`
      this.moves.append(made)
    }
    // First, where no value under the crosshair moves the buttons away from the pointer.
    this.box.append(this.moves, this.name, this.bars, this.value, this.after, this.others)
  }

  // `said` is what the page says of the newest bar, `values` what is under the crosshair, or null.
  write(said, values, others) {
    this.name.textContent = said.name
    this.bars.textContent = said.bars
    this.bars.classList.toggle("forced", said.forced)
    this.value.textContent = values ?? said.value
    this.after.textContent = values === null ? said.after : ""
    this.others.replaceChildren(...others.map(({ name, color, value }) => {
      const made = element("span", "other", `${name} `)
      made.style.setProperty("--of", color)
      made.append(element("b", "", value))
      return made
    }))
  }
}
