// The transport bar: plays, steps and drags the clock that all pages follow. The page draws one step
// at a time, and the next is asked for when the last one stands on the screen; see frame/transport.py.

const UNITS = { cycle: "cycle", "5m": "5 min", "1h": "1 h", event: "event" }
const SPEEDS = [1, 10, 60, 300, 900, 3600]
const MINUTE_MS = 60000
const GRIDS_MS = [1, 2, 5, 10, 15, 30, 60].map((minutes) => minutes * MINUTE_MS)
const STEP_MS = 330 // So often the page is drawn anew while playing.
const SLEPT_MS = 5000 // A step that took longer is not made up for.
const LOST_MS = 20000 // Nothing is heard of a step for so long: it was lost with the connection.
const ADDRESS_MS = 1000 // Browsers refuse to change the address much more often.
const SETTLE_MS = 700
const NEAR_PX = 5
const TYPED = "input, textarea, select, [contenteditable=true], [role=listbox], [role=menu],"
  + " [role=tablist], [role=radiogroup], [role=combobox]"
// They have a use for arrows and Home of their own.
const OWN_KEYS = "[data-testid=stDataFrame], .chart, .js-plotly-plot, [data-testid=stExpander] summary"
// A step is no interruption: nothing fades meanwhile, and no sign of it blinks.
const STYLE_PLAYING = `[data-stale="true"] { opacity: 1 !important; transition: none !important }
  [data-testid="stStatusWidget"] { visibility: hidden }`
// Seen from afar: a line that no live page has.
const STYLE_REPLAY = `[data-testid="stHeader"] { box-shadow: inset 0 3px 0 var(--perpscope-replay) }`
const PRESSED = "button, summary, [role=button], [role=checkbox], [role=switch]"

const ICONS = {
  replay: "M12 5V1L7 6l5 5V7a6 6 0 1 1-6 6H4a8 8 0 1 0 8-8z",
  back: "M6 6h2v12H6zm3.5 6 8.5 6V6z",
  play: "M8 5v14l11-7z",
  pause: "M6 19h4V5H6zm8-14v14h4V5z",
  forward: "M6 18l8.5-6L6 6zM16 6v12h2V6z",
  close: "M19 6.4 17.6 5 12 10.6 6.4 5 5 6.4l5.6 5.6L5 17.6 6.4 19l5.6-5.6 5.6 5.6 1.4-1.4-5.6-5.6z",
}

function element(tag, name, put = {}) {
  const made = Object.assign(document.createElement(tag), put)
  made.className = name
  return made
}

function icon(name) {
  return `<svg viewBox="0 0 24 24" width="18" height="18" aria-hidden="true">`
    + `<path fill="currentColor" d="${ICONS[name]}"/></svg>`
}

const written = (ms) => new Date(ms).toISOString().slice(0, 19).replace("T", " ")
const inAddress = (ms) => new Date(ms).toISOString().slice(0, 19) + "Z"

class Transport {
  constructor(host) {
    this.host = host
    this.number = 0
    this.pending = null
    this.next = null
    this.addressAt = 0
    this.took = STEP_MS
    this.build()
    const heard = (event) => this.pressed(event)
    document.addEventListener("keydown", heard)
    const titles = new MutationObserver(() => this.title())
    titles.observe(document.querySelector("title"), { childList: true })
    const drawn = new ResizeObserver(() => this.draw())
    drawn.observe(this.rail)
    this.leave = () => {
      document.removeEventListener("keydown", heard)
      titles.disconnect()
      drawn.disconnect()
      for (const name of ["timer", "settling", "lost"]) clearTimeout(this[name])
    }
  }

  build() {
    const button = (name, label, press) => {
      const made = element("button", name, { type: "button", innerHTML: icon(name), title: label })
      made.setAttribute("aria-label", label)
      made.onclick = (event) => {
        press()
        // Space is to play, not to press this button again.
        if (event.detail) made.blur()
      }
      return made
    }
    const choice = (name, label, options) => {
      const made = element("select", name, { title: label })
      made.setAttribute("aria-label", label)
      for (const [value, text] of options) made.add(new Option(text, value))
      return made
    }
    this.bar = element("div", "bar")
    this.bar.setAttribute("role", "group")
    this.bar.setAttribute("aria-label", "Replay")
    this.open = button("replay", "Replay the record", () => this.send({ do: "open" }))
    this.close = button("close", "Close the transport bar", () => this.send({ do: "fold" }))
    this.badge = element("span", "badge")
    this.time = element("input", "time", { title: "Time that is shown, UTC. Type another one." })
    this.time.setAttribute("aria-label", "Replayed time, UTC")
    this.time.spellcheck = false
    this.time.onfocus = () => this.time.select()
    this.time.onblur = () => this.writeTime()
    this.time.onkeydown = (event) => {
      if (event.key === "Enter") this.send({ do: "typed", text: this.time.value, playing: false })
      if (["Enter", "Escape"].includes(event.key)) this.time.blur()
    }
    this.back = button("back", "Step back", () => this.step(-1))
    this.play = button("play", "Play", () => this.toggle())
    this.forward = button("forward", "Step forward", () => this.step(1))
    this.unit = choice("unit", "Length of a step", Object.entries(UNITS))
    this.unit.onchange = () => this.send({ do: "set", unit: this.unit.value })
    this.speed = choice("speed", "Speed", SPEEDS.map((one) => [one, `${one.toLocaleString("en")} ×`]))
    this.speed.onchange = () => {
      this.rebase()
      this.send({ do: "set", speed: Number(this.speed.value) })
    }
    this.rail = element("div", "rail", { tabIndex: 0 })
    this.rail.setAttribute("role", "slider")
    this.rail.setAttribute("aria-label", "Time in the record")
    this.canvas = document.createElement("canvas")
    this.hint = element("div", "hint", { hidden: true })
    this.rail.append(this.canvas, this.hint)
    this.listenToRail()
    this.live = element("button", "live", { type: "button", textContent: "Back to live" })
    this.live.onclick = () => this.send({ do: "live", playing: false })
    this.said = element("div", "said")
    this.said.setAttribute("role", "status")
    const steps = element("span", "steps")
    steps.append(this.back, this.play, this.forward, this.unit, this.speed)
    this.bar.append(this.badge, this.time, steps, this.rail, this.live, this.close)
    this.style = document.createElement("style")
    this.host.replaceChildren(this.style, this.open, this.bar, this.said)
  }

  listenToRail() {
    const at = ({ clientX }) => {
      const box = this.rail.getBoundingClientRect()
      const part = Math.min(Math.max((clientX - box.left) / box.width, 0), 1)
      const ms = this.data.first + part * (this.data.end - this.data.first)
      const [nearest] = this.near(ms)
      return nearest ? nearest.ts : Math.round(ms / 1000) * 1000
    }
    this.rail.onpointerdown = (event) => {
      if (event.button || !this.data) return
      this.rail.setPointerCapture(event.pointerId)
      this.dragged = true
      this.send({ do: "to", at: at(event), playing: false })
    }
    this.rail.onpointermove = (event) => {
      this.showHint(event)
      if (this.dragged) this.send({ do: "to", at: at(event), playing: false })
    }
    this.rail.onpointerup = () => { this.dragged = false }
    this.rail.onpointercancel = () => { this.dragged = false }
    this.rail.onpointerleave = () => { this.hint.hidden = true }
  }

  // Events that lie under the pointer, the nearest first.
  near(ms) {
    const reach = (NEAR_PX / this.rail.clientWidth) * (this.data.end - this.data.first)
    return this.record().alerts
      .filter(({ ts }) => Math.abs(ts - ms) <= reach)
      .sort((one, other) => Math.abs(one.ts - ms) - Math.abs(other.ts - ms))
  }

  record() {
    return globalThis.perpscopeRecord ?? { gaps: [], alerts: [] }
  }

  showHint({ clientX }) {
    const box = this.rail.getBoundingClientRect()
    const ms = this.data.first + ((clientX - box.left) / box.width) * (this.data.end - this.data.first)
    const lines = [`${written(ms)} UTC`]
    const gaps = this.record().gaps.filter(({ from, to }) => from <= ms && ms < to)
    for (const { from, to, of } of gaps.some((gap) => !gap.of) ? gaps.filter((gap) => !gap.of) : gaps)
      lines.push(`Gap: no data${of && ` from ${of}`}, ${written(from)} to ${written(to)}`)
    const alerts = this.near(ms)
    lines.push(...alerts.slice(0, 4).map(({ ts, text }) => `${written(ts).slice(5, 16)} ${text}`))
    if (alerts.length > 4) lines.push(`and ${alerts.length - 4} more`)
    this.hint.textContent = lines.join("\n")
    this.hint.hidden = false
    const left = Math.min(Math.max(clientX - box.left, 0), box.width)
    this.hint.style.left = `${left}px`
    this.hint.style.transform = `translateX(-${(100 * left) / box.width}%)`
  }

  // A key does something where nothing else has a use for it.
  pressed(event) {
    if (!this.host.isConnected) return this.leave()
    const isShown = this.data && (this.data.open || this.data.at !== null)
    if (!isShown || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return
    const target = event.composedPath()[0]
    if (target.closest?.(TYPED) || target.closest?.(OWN_KEYS)) return
    if (event.composedPath().some((one) => one.matches?.(OWN_KEYS))) return
    const keys = {
      " ": () => this.toggle(),
      ArrowLeft: () => this.step(-1, event.shiftKey ? "event" : undefined),
      ArrowRight: () => this.step(1, event.shiftKey ? "event" : undefined),
      Home: () => this.send({ do: "first", playing: false }),
      End: () => this.send({ do: "live", playing: false }),
    }
    const act = keys[event.key]
    if (!act || (event.key === " " && target.closest?.(PRESSED))) return
    event.preventDefault()
    act()
  }

  toggle() {
    if (this.data.playing) return this.send({ do: "pause", playing: false })
    this.data.playing = true
    this.rebase()
    this.write()
    this.tick()
  }

  step(direction, by = this.unit.value) {
    this.send({ do: "step", by, direction, playing: false })
  }

  // Ask for a step. Only the newest of those that come while another is drawn.
  send(move) {
    const whole = { playing: this.data.playing, speed: Number(this.speed.value), ...move }
    if ("playing" in move) {
      this.data.playing = move.playing
      clearTimeout(this.timer)
    }
    if (this.pending) {
      // What was chosen is not lost to a drag that goes on.
      if (!this.next || whole.do !== "to" || this.next.do === "to") this.next = whole
      return
    }
    this.pending = { id: ++this.number, since: performance.now() }
    clearTimeout(this.settling)
    clearTimeout(this.lost)
    this.lost = setTimeout(() => { this.pending = null; this.went() }, LOST_MS)
    this.tell("move", { ...whole, id: this.session + this.number })
  }

  grid() {
    const longest = Number(this.speed.value) * STEP_MS
    return Math.max(this.data.cycle, ...GRIDS_MS.filter((one) => one <= longest))
  }

  rebase() {
    this.origin = { wall: performance.now(), at: this.data.at ?? this.data.end }
    this.stride = null
  }

  // Where the clock would be by now.
  target() {
    return this.origin.at + Number(this.speed.value) * (performance.now() - this.origin.wall)
  }

  // The clock keeps its speed: where steps take long they are longer. How long the next one is, is
  // told with each, so that the server reads ahead for it.
  tick() {
    clearTimeout(this.timer)
    if (!this.data.playing || this.pending) return
    const speed = Number(this.speed.value), grid = this.grid(), at = this.data.at
    if (this.target() - at > speed * SLEPT_MS) this.rebase()
    const to = Math.min(at + (this.stride ?? grid - (at % grid)), this.data.end)
    if (this.target() < to) {
      this.timer = setTimeout(() => this.tick(), Math.max((to - this.target()) / speed, 5))
      return
    }
    const behind = this.target() + speed * this.took - to
    this.stride = Math.max(Math.ceil(behind / grid) * grid, grid)
    this.send({ do: "to", at: to, playing: true, stride: this.stride })
  }

  update(data, tell) {
    this.tell = tell
    const before = this.data
    this.data = data
    this.session ??= data.session
    const isOurs = this.pending && data.done === this.session + this.pending.id
    // Another page went on playing, or a link began: from here.
    if (!before || !this.origin || before.playing !== data.playing) this.rebase()
    this.write()
    if (isOurs) this.whenDrawn(() => {
      if (this.pending) this.took = performance.now() - this.pending.since
      this.pending = null
      this.went()
    })
    else if (!this.pending) this.went()
  }

  // The page is painted: twice, as what is asked for in the first frame is seen in the second.
  whenDrawn(then) {
    requestAnimationFrame(() => setTimeout(then))
  }

  went() {
    clearTimeout(this.lost)
    if (this.next) {
      const next = this.next
      this.next = null
      return this.send(next)
    }
    if (this.data.playing) return this.tick()
    // The sidebar follows when nobody steps any more.
    clearTimeout(this.settling)
    if (this.data.settles)
      this.settling = setTimeout(() => this.send({ do: "settle" }), SETTLE_MS)
  }

  write() {
    const { data, host } = this
    const isPast = data.at !== null
    host.dataset.replay = isPast
    host.dataset.open = isPast || data.open
    host.dataset.at = isPast ? inAddress(data.at) : ""
    host.dataset.playing = data.playing
    const style = (isPast ? STYLE_REPLAY : "") + (data.playing ? STYLE_PLAYING : "")
    if (this.style.textContent !== style) this.style.textContent = style
    document.documentElement.style.setProperty("--perpscope-replay", data.color)
    document.documentElement.style.setProperty("--perpscope-on-replay", data.ground)
    this.badge.textContent = isPast ? "REPLAY" : "Now"
    this.writeTime()
    this.play.innerHTML = icon(data.playing ? "pause" : "play")
    this.play.title = data.playing ? "Pause (Space)" : "Play (Space)"
    this.play.setAttribute("aria-label", data.playing ? "Pause" : "Play")
    this.play.disabled = !isPast || data.at >= data.end
    this.forward.disabled = !isPast
    this.close.hidden = isPast || data.fixed
    this.live.hidden = !isPast
    this.live.textContent = data.back
    if (![...this.speed.options].some(({ value }) => Number(value) === data.speed))
      this.speed.add(new Option(`${data.speed.toLocaleString("en")} ×`, data.speed))
    if (document.activeElement !== this.speed) this.speed.value = data.speed
    if (document.activeElement !== this.unit) this.unit.value = data.unit
    for (const step of [this.back, this.forward]) {
      const [what, key] = step === this.back ? ["back", "←"] : ["forward", "→"]
      step.title = `Step ${what} by ${UNITS[data.unit]} (${key})`
    }
    this.said.textContent = data.said
    const ms = data.at ?? data.end
    this.rail.setAttribute("aria-valuemin", data.first)
    this.rail.setAttribute("aria-valuemax", data.end)
    this.rail.setAttribute("aria-valuenow", ms)
    this.rail.setAttribute("aria-valuetext", `${written(ms)} UTC`)
    this.draw()
    this.title()
    this.address()
  }

  writeTime() {
    if (document.activeElement === this.time) return
    this.time.value = `${written(this.data.at ?? this.data.end)} UTC`
  }

  title() {
    const plain = document.title.replace(/REPLAY [0-9:]+ · /, "")
    const at = this.data.at === null ? "" : `REPLAY ${written(this.data.at).slice(11, 16)} · `
    const wanted = plain.replace(/perpscope$/, `${at}perpscope`)
    if (document.title !== wanted && this.host.isConnected) document.title = wanted
  }

  // A link copied from the address bar opens the same moment.
  address() {
    const now = performance.now()
    if (this.data.playing && now - this.addressAt < ADDRESS_MS) return
    const link = new URL(location.href), asked = link.searchParams.get("at")
    const at = this.data.at === null ? null : inAddress(this.data.at)
    if (at === null ? asked === null : asked && Date.parse(asked) === this.data.at) return
    if (at === null) link.searchParams.delete("at")
    else link.searchParams.set("at", at)
    this.addressAt = now
    history.replaceState(history.state, "", link)
  }

  draw() {
    const { canvas, rail, data } = this
    const width = rail.clientWidth, height = rail.clientHeight, scale = devicePixelRatio
    if (!data || !width) return
    canvas.width = width * scale
    canvas.height = height * scale
    const look = getComputedStyle(this.host), pen = canvas.getContext("2d")
    const text = look.getPropertyValue("--st-text-color")
    const x = (ms) => ((ms - data.first) / (data.end - data.first || 1)) * width
    const at = x(data.at ?? data.end), middle = Math.round(height / 2)
    pen.scale(scale, scale)
    pen.fillStyle = look.getPropertyValue("--st-border-color")
    pen.fillRect(0, middle - 2, width, 4)
    pen.fillStyle = data.color
    pen.fillRect(0, middle - 2, at, 4)
    for (const { from, to, of } of this.record().gaps) {
      if (of) continue
      const begin = x(from), wide = Math.max(x(to) - begin, 1.5)
      pen.save()
      pen.beginPath()
      pen.rect(begin, middle - 7, wide, 14)
      pen.clip()
      pen.fillStyle = look.getPropertyValue("--st-background-color")
      pen.fillRect(begin, middle - 7, wide, 14)
      pen.strokeStyle = text
      pen.globalAlpha = 0.6
      pen.beginPath()
      for (let line = begin - 14; line < begin + wide; line += 5) {
        pen.moveTo(line, middle + 7)
        pen.lineTo(line + 14, middle - 7)
      }
      pen.stroke()
      pen.restore()
    }
    for (const { ts, color } of this.record().alerts) {
      pen.fillStyle = color
      pen.fillRect(Math.round(x(ts)) - 0.75, 1, 1.5, middle - 4)
    }
    pen.fillStyle = data.color
    pen.strokeStyle = look.getPropertyValue("--st-background-color")
    pen.lineWidth = 2
    pen.beginPath()
    pen.arc(Math.min(Math.max(at, 6), width - 6), middle, 6, 0, 7)
    pen.fill()
    pen.stroke()
  }
}

function transport({ data, parentElement, setTriggerValue }) {
  const host = parentElement.querySelector(".transport")
  host.transport ??= new Transport(host)
  host.transport.update(data, setTriggerValue)
}

function record({ data }) {
  globalThis.perpscopeRecord = data
  document.querySelector(".transport")?.transport?.draw()
}

globalThis.perpscopeTransport ??= Promise.withResolvers()
globalThis.perpscopeTransport.resolve({ transport, record })
export default () => {}
