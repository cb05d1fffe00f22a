// One chart of several panes over one axis of time, with one crosshair. The server sends all of
// it once, and then what changed; see components/linked_chart.py for the messages.

const KEPT = "perpscope-chart"
const AXIS_PX = 28
const ROOM_PX = 72
const ZOOM = 1.25
const KEYS = "Arrow keys move the crosshair, plus and minus zoom, Page Up and Page Down pan, "
  + "0 shows all."
const VIEWS = { line: Line, columns: Columns, band: Band, lanes: Lanes }

function kept() {
  try {
    return JSON.parse(localStorage.getItem(KEPT)) ?? {}
  } catch {
    return {}
  }
}

function decoded(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))
  return new Float32Array(bytes.buffer)
}

class LinkedChart {
  constructor(root) {
    this.box = root.querySelector(".chart")
    this.box.drawn = this
    this.words = { written, tick, pointedAt }
    this.number = null
    this.parts = {}
    this.lines = new Map()
    this.panes = new Map()
    this.pointed = null
    this.plot = element("div", "plot")
    this.heads = element("div", "heads")
    this.tools = element("div", "tools")
    this.box.append(this.plot, this.heads, this.tools)
    this.api = LightweightCharts.createChart(this.plot, this.options())
    this.time = this.api.timeScale()
    this.addTools()
    this.listen()
  }

  options() {
    return {
      autoSize: true,
      layout: { attributionLogo: true, fontFamily: '"Source Sans", sans-serif', fontSize: 11 },
      rightPriceScale: { borderVisible: false, minimumWidth: 66 },
      timeScale: {
        timeVisible: true, secondsVisible: false, rightOffset: 2, minBarSpacing: 0.2,
        fixLeftEdge: true,
      },
      crosshair: { mode: LightweightCharts.CrosshairMode.Normal },
      // Up and down a finger scrolls the page.
      handleScroll: { vertTouchDrag: false },
      localization: { timeFormatter: pointedAt },
    }
  }

  addTools() {
    this.log = button("Log", "tool", () => this.keep({ log: !kept().log }))
    this.log.title = "Logarithmic price scale"
    this.reset = button("Reset", "tool", () => this.showAll())
    this.reset.title = "All bars, scales fitted (double click)"
    this.save = button("PNG", "tool", () => this.savePicture())
    this.save.title = "Save as picture"
    this.tools.append(this.log, this.reset, this.save)
  }

  listen() {
    this.api.subscribeCrosshairMove(({ logical, point }) => {
      const bar = point && logical >= 0 && logical < this.times.bars ? logical : null
      if (bar !== this.pointed) {
        this.pointed = bar
        this.writeTitles()
      }
    })
    this.api.subscribeDblClick(() => this.showAll())
    this.time.subscribeVisibleLogicalRangeChange(() => {
      if (this.keepRange()) this.tellRange()
    })
    this.watch = new ResizeObserver(() => this.place())
    this.watch.observe(this.plot)
    this.fitted = () => this.fit()
    this.released = () => this.keepShares()
    window.addEventListener("resize", this.fitted)
    window.addEventListener("pointerup", this.released)
    this.plot.addEventListener("keydown", (event) => this.press(event))
    // Over the price axis the wheel scrolls the page.
    this.box.addEventListener("wheel", (event) => {
      const { right } = this.plot.getBoundingClientRect()
      if (right - event.clientX < this.api.priceScale("right").width()) event.stopPropagation()
    }, { capture: true, passive: true })
  }

  close() {
    window.removeEventListener("resize", this.fitted)
    window.removeEventListener("pointerup", this.released)
    this.watch.disconnect()
    this.api.remove()
  }

  // Returns false where *update* follows one that never came.
  take(update) {
    if (update.number === this.number) return true
    if (update.after !== null && update.after !== this.number) return false
    const before = this.number === null ? null : {
      times: this.times, subject: this.parts.chart.subject,
      range: this.time.getVisibleLogicalRange(),
    }
    this.number = update.number
    Object.assign(this.parts, update.parts)
    this.times = update.times
    const { first, step, bars } = update.times
    const moved = !before || before.times.first !== first || before.times.bars !== bars
      || before.times.step !== step
    if (moved && this.pointed !== null) {
      const bar = this.pointed - (first - before.times.first) / step
      this.pointed = before.times.step === step && bar >= 0 && bar < bars ? bar : null
    }
    const changed = this.takeLines(update, before?.times)
    if (update.parts.marks) this.marks = Map.groupBy(update.parts.marks, (mark) => mark.bar)
    if (update.parts.trades) this.trades = Map.groupBy(update.parts.trades, (fill) => fill.bar)
    if (update.parts.colors) this.color()
    if (update.parts.panes || update.parts.chart) this.arrange()
    this.fill(moved || update.after === null, changed, update.parts)
    if (moved || update.parts.trades || update.parts.panes) this.markTrades()
    if (update.parts.chart) this.describe()
    this.look(before)
    this.tellRange()
    this.writeTitles()
    this.box.dataset.update = this.number
    return true
  }

  // Returns from which bar on each changed line is new.
  takeLines({ after, lines }, before) {
    const { first, step, bars } = this.times
    if (after === null) this.lines.clear()
    else if (before.first !== first || before.bars !== bars) {
      const shift = (first - before.first) / step
      for (const [name, line] of this.lines) {
        const moved = new Float32Array(bars).fill(NaN)
        moved.set(line.subarray(shift, shift + bars))
        this.lines.set(name, moved)
      }
    }
    const changed = new Map()
    for (const [name, sent] of Object.entries(lines)) {
      if (sent === null) this.lines.delete(name)
      else {
        const [from, text] = sent
        if (!this.lines.has(name)) this.lines.set(name, new Float32Array(bars).fill(NaN))
        this.lines.get(name).set(decoded(text), from)
        changed.set(name, from)
      }
    }
    return changed
  }

  // Panes and series

  color() {
    const { colors } = this.parts
    for (const [name, value] of Object.entries(colors))
      this.box.style.setProperty(`--${name}`, value)
    this.api.applyOptions({
      layout: {
        background: { color: colors.background },
        textColor: colors.muted,
        panes: { separatorColor: colors.border, separatorHoverColor: colors.grid },
      },
      grid: { vertLines: { color: colors.grid }, horzLines: { color: colors.grid } },
      timeScale: { borderColor: colors.border },
      crosshair: {
        vertLine: { color: colors.muted, labelBackgroundColor: colors.border },
        horzLine: { color: colors.muted, labelBackgroundColor: colors.border },
      },
    })
  }

  // The panes from top to bottom, as the user ordered them.
  ordered() {
    const place = new Map((this.layout().order ?? []).map((label, n) => [label, n]))
    const own = this.parts.panes.map(({ label }) => label)
    const at = (label) => {
      if (place.has(label)) return place.get(label)
      // One that was not there when the order was made stands after its neighbour.
      const before = own.slice(0, own.indexOf(label)).reverse().find((one) => place.has(one))
      return before === undefined ? -0.5 : place.get(before) + 0.5
    }
    return [...this.parts.panes].sort((a, b) => at(a.label) - at(b.label))
  }

  arrange() {
    const wanted = this.ordered()
    for (const [label, pane] of this.panes)
      if (!wanted.some((one) => one.label === label)) this.drop(label, pane)
    for (const spec of wanted) {
      if (!this.panes.has(spec.label)) this.open(spec)
      this.dress(this.panes.get(spec.label), spec)
    }
    wanted.forEach(({ label }, n) => {
      const at = this.panes.get(label).pane.paneIndex()
      // Not moveTo, which knows no pane that was added since the last paint.
      if (at !== n) this.api.swapPanes(at, n)
    })
    this.share()
    this.fit()
  }

  drop(label, { series, title }) {
    // A pane goes with its last series.
    for (const { api } of series.values()) this.api.removeSeries(api)
    title.box.remove()
    this.panes.delete(label)
  }

  open(spec) {
    const title = new PaneTitle(
      spec.label,
      (label, step) => this.move(label, step),
      (label, y, isEnd) => this.drag(label, y, isEnd),
    )
    this.heads.append(title.box)
    const isFirst = this.panes.size === 0
    this.panes.set(spec.label, { title, series: new Map(), levels: [], index: isFirst ? 0 : null })
  }

  dress(pane, spec) {
    pane.spec = spec
    for (const [id, { api }] of pane.series)
      if (!spec.series.some((one) => one.id === id && one.kind === pane.series.get(id).spec.kind)) {
        // The last one stays until there is another, or the pane would go with it.
        pane.gone = [...(pane.gone ?? []), api]
        pane.series.delete(id)
      }
    for (const one of spec.series) {
      const known = pane.series.get(one.id)
      const api = known?.api ?? this.addSeries(one, pane)
      pane.series.set(one.id, { api, spec: one })
      api.applyOptions(this.seriesOptions(one, pane))
    }
    for (const api of pane.gone ?? []) this.api.removeSeries(api)
    pane.gone = []
    const { api } = pane.series.values().next().value
    pane.pane = api.getPane()
    for (const line of pane.levels) line.of.removePriceLine(line.made)
    pane.levels = spec.levels.map((price) => ({ of: api, made: api.createPriceLine({
      price, color: this.parts.colors.alert, lineWidth: 1, lineStyle: 2, axisLabelVisible: false,
      title: "",
    }) }))
    api.priceScale().applyOptions({
      mode: spec.candles && kept().log ? 1 : 0,
    })
  }

  addSeries(one, pane) {
    const index = pane.pane?.paneIndex()
      ?? pane.series.values().next().value?.api.getPane().paneIndex()
      ?? pane.index ?? this.api.panes().length
    if (one.kind === "candles")
      return this.api.addSeries(LightweightCharts.CandlestickSeries, {}, index)
    return this.api.addCustomSeries(new VIEWS[one.kind](), {}, index)
  }

  seriesOptions(one, pane) {
    const { spec } = pane
    const { colors } = this.parts
    const how = spec.writing
    const candles = one.kind !== "candles" ? {} : {
      // Hollow where the price rose, for who cannot tell the colours apart.
      upColor: colors.background, borderUpColor: colors.up, wickUpColor: colors.up,
      downColor: colors.down, borderDownColor: colors.down, wickDownColor: colors.down,
    }
    return {
      ...candles,
      color: one.color, down: one.down, shade: one.shade,
      width: one.width, steps: one.steps, dash: one.dash,
      lastValueVisible: one.tag, priceLineVisible: one.tag && spec.candles,
      priceFormat: {
        type: "custom", minMove: spec.smallest,
        formatter: (value) => written(value, how),
        tickmarksFormatter: (values) => values.map((value) => tick(value, how)),
      },
      autoscaleInfoProvider: (original) => ranged(original(), spec),
    }
  }

  // Values

  fill(all, changed, parts) {
    for (const { series } of this.panes.values())
      for (const { api, spec } of series.values()) {
        const from = Math.min(...[...spec.lines, spec.known].map((n) => changed.get(n) ?? Infinity))
        const isOfMarks = spec.kind === "lanes" && parts.marks
        if (all || parts.panes || isOfMarks || from < this.times.bars - 1)
          api.setData(this.rows(spec))
        else if (from < this.times.bars) api.update(this.row(spec, this.times.bars - 1))
        if (spec.kind === "candles" || spec.kind === "columns")
          api.applyOptions({ priceLineColor: this.sideOfLast(spec) })
      }
  }

  // Fills of simulated trades, at their prices.
  markTrades() {
    const price = [...this.panes.values()].find(({ spec }) => spec.candles)
    const { api } = price.series.values().next().value
    if (this.fills?.of !== api)
      this.fills = { of: api, made: LightweightCharts.createSeriesMarkers(api, []) }
    const { first, step } = this.times
    this.fills.made.setMarkers(this.parts.trades.map(({ bar, text, ...look }) => ({
      time: first + bar * step, ...look,
    })))
  }

  // The colour of the last value's tag: a candle that rose is hollow, and so has none of its own.
  sideOfLast({ kind, lines, color, down }) {
    const { colors } = this.parts
    const [first, last] = [lines[0], lines.at(-1)].map((name) => this.lines.get(name))
    const bar = last.findLastIndex(Number.isFinite)
    if (kind === "candles") return last[bar] < first[bar] ? colors.down : colors.up
    return last[bar] < 0 ? down : color
  }

  rows(spec) {
    return Array.from({ length: this.times.bars }, (_, bar) => this.row(spec, bar))
  }

  row(spec, bar) {
    const time = this.times.first + bar * this.times.step
    if (spec.kind === "lanes") {
      const marks = this.marks.get(bar)
      return marks ? { time, marks } : { time }
    }
    const values = spec.lines.map((name) => this.lines.get(name)[bar])
    if (values.some(Number.isNaN)) return { time }
    if (spec.kind === "candles") {
      const [open, high, low, close] = values
      return { time, open, high, low, close }
    }
    if (spec.kind === "band") {
      const [upper, middle, lower] = values
      return { time, upper, middle, lower }
    }
    const value = spec.negated ? -values[0] : values[0]
    return { time, value, partial: this.isPartial(spec, bar) }
  }

  isPartial(spec, bar) {
    return spec.known !== null && this.lines.get(spec.known)[bar] < 100
  }

  // Titles

  writeTitles() {
    for (const [label, { title, spec, series }] of this.panes) {
      const said = this.parts.titles[label]
      const named = [...series.values()].map((one) => one.spec).filter((one) => one.named)
      const [main, ...rest] = named
      const others = (spec.several ? named : rest).map((one) => ({
        name: one.title, color: one.color, value: this.valueOf(one, spec),
      }))
      const isLanes = spec.series[0].kind === "lanes"
      const under = this.pointed === null || spec.several ? null
        : isLanes ? this.marksAt(this.pointed) : this.valueOf(main, spec)
      const fills = spec.candles && this.pointed !== null ? this.trades.get(this.pointed) ?? [] : []
      const beside = fills.length
        ? fills.map(({ text, color }) => ({ name: "", color, value: text })) : said.beside ?? []
      title.write(said, under, [...others, ...beside])
    }
  }

  valueOf(one, { writing }) {
    const names = one.kind === "candles" ? one.lines : one.lines.slice(0, 1)
    const lines = names.map((name) => this.lines.get(name))
    const bar = this.pointed ?? lines[0].findLastIndex(Number.isFinite)
    if (one.kind === "candles")
      return "OHLC".split("").map((n, at) => `${n} ${written(lines[at][bar], writing)}`).join("  ")
    const words = written(lines[0][bar], writing)
    if (!Number.isFinite(lines[0][bar]) || !this.isPartial(one, bar)) return words
    return `${words}, partial: ${grouped(this.lines.get(one.known)[bar], 1)} % known`
  }

  marksAt(bar) {
    return (this.marks.get(bar) ?? []).map((mark) => mark.text).join("; ")
  }

  // Each title stands over its pane, which leaves it room, and the topmost beside the tools.
  place() {
    const { top } = this.box.getBoundingClientRect()
    this.box.style.setProperty("--axis", `${this.api.priceScale("right").width()}px`)
    for (const { title, pane } of this.panes.values()) {
      const row = pane?.getHTMLElement()
      if (!row) continue
      title.box.style.top = `${row.getBoundingClientRect().top - top + 1}px`
      const isTopmost = pane.paneIndex() === 0
      title.box.classList.toggle("topmost", isTopmost)
      title.box.style.maxWidth = isTopmost ? `calc(100% - ${this.tools.offsetWidth + 10}px)` : ""
      this.watch.observe(row.cells[1])
      const room = Math.min((title.box.offsetHeight + 3) / Math.max(pane.getHeight(), 1), 0.4)
      pane.priceScale("right").applyOptions({ scaleMargins: { top: room, bottom: 0.06 } })
    }
  }

  describe() {
    this.plot.tabIndex = 0
    this.plot.setAttribute("role", "group")
    this.plot.setAttribute("aria-label", `${this.parts.chart.alt}. ${KEYS}`)
    this.box.dataset.subject = this.parts.chart.subject
  }

  // What is in sight

  showAll() {
    this.time.fitContent()
    for (const { pane } of this.panes.values()) pane.priceScale("right").setAutoScale(true)
  }

  // Looks at the same bars as before, or with the newest at the right edge, where it was there.
  look(before) {
    if (!before?.range || before.subject !== this.parts.chart.subject) {
      this.showAll()
      return
    }
    const { first, step, bars } = this.times
    const isAtEnd = before.range.to >= before.times.bars - 1
    const shift = isAtEnd ? bars - before.times.bars : (before.times.first - first) / step
    const { from, to } = before.range
    if (shift || this.time.getVisibleLogicalRange()?.from !== from)
      this.time.setVisibleLogicalRange({ from: from + shift, to: to + shift })
  }

  // Looks at the same bars where the plot got wider or narrower: with the window, and whenever the
  // labels of the price axis do. Returns whether it did so already.
  keepRange() {
    const [range, width] = [this.time.getVisibleLogicalRange(), this.time.width()]
    const isResized = this.range && width !== this.width
    this.width = width
    if (isResized) this.time.setVisibleLogicalRange(this.range)
    else this.range = range
    return !isResized
  }

  // For who looks from outside: from when to when, in seconds.
  tellRange() {
    const range = this.time.getVisibleLogicalRange()
    if (!range || !this.times) return
    const { first, step } = this.times
    this.box.dataset.from = Math.round(first + range.from * step)
    this.box.dataset.to = Math.round(first + range.to * step)
  }

  press(event) {
    const range = this.time.getVisibleLogicalRange()
    if (!range || event.ctrlKey || event.metaKey || event.altKey) return
    const width = range.to - range.from
    const zoom = (factor) => this.time.setVisibleLogicalRange({
      from: range.to - width * factor, to: range.to,
    })
    const pan = (bars) => this.time.setVisibleLogicalRange({
      from: range.from + bars, to: range.to + bars,
    })
    const acts = {
      ArrowLeft: () => this.point(-1), ArrowRight: () => this.point(1),
      PageUp: () => pan(-width / 2), PageDown: () => pan(width / 2),
      "+": () => zoom(1 / ZOOM), "=": () => zoom(1 / ZOOM), "-": () => zoom(ZOOM),
      0: () => this.showAll(), Escape: () => this.api.clearCrosshairPosition(),
    }
    const act = acts[event.key]
    if (!act) return
    event.preventDefault()
    act()
  }

  // Moves the crosshair by *step* bars.
  point(step) {
    const { bars, first, step: seconds } = this.times
    const bar = Math.min(Math.max((this.pointed ?? bars) + step, 0), bars - 1)
    const { api, spec } = this.panes.values().next().value.series.values().next().value
    const value = this.lines.get(spec.lines.at(-1))[bar]
    this.api.setCrosshairPosition(Number.isFinite(value) ? value : 0, first + bar * seconds, api)
    this.pointed = bar
    this.writeTitles()
  }

  // What the user arranged, kept in the browser

  keep(changed) {
    localStorage.setItem(KEPT, JSON.stringify({ ...kept(), ...changed }))
    this.arrange()
    this.place()
    // Panes of one height that change places are where they go only once they are painted.
    drawn().then(() => this.box.isConnected && this.place())
  }

  layout() {
    return kept().layouts?.[this.parts.chart.layout] ?? {}
  }

  keepLayout(changed) {
    const layouts = kept().layouts ?? {}
    const mine = { ...this.layout(), ...changed }
    this.keep({ layouts: { ...layouts, [this.parts.chart.layout]: mine } })
  }

  move(label, step) {
    const order = this.ordered().map((pane) => pane.label)
    const at = order.indexOf(label)
    const to = at + step
    if (to < 0 || to >= order.length) return
    order.splice(to, 0, ...order.splice(at, 1))
    this.keepLayout({ order })
  }

  // Shows which pane is at that height of the window, and moves the dragged one there at the end.
  drag(label, y, isEnd) {
    const order = this.ordered().map((pane) => pane.label)
    const title = (one) => this.panes.get(one).title.box
    const isAbove = (one) => title(one).getBoundingClientRect().top <= y
    const to = y === null ? order.indexOf(label) : Math.max(order.findLastIndex(isAbove), 0)
    order.forEach((one, n) =>
      title(one).classList.toggle("target", !isEnd && n === to && one !== label))
    if (isEnd && order[to] !== label) this.move(label, to - order.indexOf(label))
  }

  share() {
    const shares = this.layout().shares ?? {}
    for (const [label, { pane, spec }] of this.panes)
      pane.setStretchFactor(shares[label] ?? spec.height)
    this.log.setAttribute("aria-pressed", String(Boolean(kept().log)))
  }

  // Where a separator was dragged.
  keepShares() {
    const now = [...this.panes].map(([label, { pane }]) => [label, pane.getStretchFactor()])
    const { shares = {} } = this.layout()
    const isNew = now.some(([label, share]) =>
      Math.abs(share - (shares[label] ?? this.panes.get(label).spec.height)) > 1)
    if (isNew) this.keepLayout({ shares: { ...shares, ...Object.fromEntries(now) } })
  }

  // As high as its panes ask for, and at least as the window.
  fit() {
    const asked = this.parts.panes.reduce((sum, { height }) => sum + height, AXIS_PX)
    const room = this.parts.chart.fills ? window.innerHeight - ROOM_PX : 0
    this.plot.style.height = `${Math.max(asked, room)}px`
  }

  // Twice as many dots as on the screen, for paper: zoomed in while nobody sees it.
  async savePicture() {
    const { clientWidth, clientHeight, style } = this.plot
    const screen = this.api.takeScreenshot()
    screen.className = "screen"
    this.box.append(screen)
    const height = style.height
    Object.assign(style, { zoom: 2, width: `${clientWidth}px`, height: `${clientHeight}px` })
    await drawn()
    const picture = this.api.takeScreenshot(true, false)
    Object.assign(style, { zoom: "", width: "", height })
    await drawn()
    screen.remove()
    this.writeOn(picture)
    const link = element("a", "")
    link.download = `${this.parts.chart.file}.png`
    link.href = picture.toDataURL("image/png")
    link.click()
  }

  // The titles, which are no part of the picture that the library takes.
  writeOn(picture) {
    const brush = picture.getContext("2d")
    const ratio = picture.width / this.plot.clientWidth
    brush.scale(ratio, ratio)
    brush.textBaseline = "middle"
    const { left, top } = this.box.getBoundingClientRect()
    for (const { title } of this.panes.values())
      for (const part of title.box.querySelectorAll(".name, .bars, .value, .after, .other")) {
        const at = part.getBoundingClientRect()
        const look = getComputedStyle(part)
        brush.font = `${look.fontWeight} ${look.fontSize} ${look.fontFamily}`
        brush.fillStyle = look.color
        brush.fillText(part.textContent, at.left - left, (at.top + at.bottom) / 2 - top)
      }
  }
}

function drawn() {
  const frame = (next) => requestAnimationFrame(next)
  return new Promise((go) => frame(() => frame(() => setTimeout(go))))
}

// The range of a pane's scale: fixed, with zero, with the levels that are near, and never empty.
function ranged(info, spec) {
  if (!info?.priceRange) return info
  const from = (minValue, maxValue) => ({ ...info, priceRange: { minValue, maxValue } })
  if (spec.range) return from(...spec.range)
  const { minValue: low, maxValue: high } = info.priceRange
  if (high - low <= 1e-6 * Math.max(Math.abs(low), Math.abs(high))) {
    const away = Math.abs(low) / 2 || 1
    return from(low - away, high + away)
  }
  const room = Math.max((high - low) / 2, Math.abs(high) / 4)
  const near = spec.levels.filter((level) => level >= low - room && level <= high + room)
  if (spec.zero) near.push(0)
  return from(Math.min(low, ...near), Math.max(high, ...near))
}

const charts = new WeakMap()

function draw({ data, parentElement, setTriggerValue }) {
  let chart = charts.get(parentElement)
  if (!chart) {
    chart = new LinkedChart(parentElement)
    charts.set(parentElement, chart)
  }
  if (!chart.take(data)) setTriggerValue("missed", data.number)
  return () => setTimeout(() => {
    // It is called too where a later update overtook this one, so twice where both end at once.
    if (parentElement.host.isConnected || charts.get(parentElement) !== chart) return
    charts.delete(parentElement)
    chart.close()
  })
}

;(globalThis.perpscopeChart ??= Promise.withResolvers()).resolve(draw)

export default function () {}
