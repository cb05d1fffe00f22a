// What Lightweight Charts does not draw itself: lines with gaps and dotted stretches, hatched
// columns, bands, and lanes of marks. Each class is a custom series of its interface.

class View {
  defaultOptions() {
    return { ...LightweightCharts.customSeriesDefaultOptions }
  }

  isWhitespace(row) {
    return row.value === undefined
  }

  priceValueBuilder(row) {
    return [row.value]
  }

  update(data, options) {
    this.data = data
    this.options = options
  }

  renderer() {
    return this
  }

  draw(target, toY) {
    target.useBitmapCoordinateSpace((scope) => {
      const { bars, visibleRange } = this.data
      if (!visibleRange || !bars.length) return
      // One more on either side: a line comes into view from there.
      const from = Math.max(Math.floor(visibleRange.from) - 1, 0)
      const to = Math.min(Math.ceil(visibleRange.to) + 1, bars.length)
      const { horizontalPixelRatio: wide, verticalPixelRatio: high, context } = scope
      const y = (value) => toY(value) * high
      context.save()
      this.paint(context, bars.slice(from, to), { wide, high, y })
      context.restore()
    })
  }

  // Whether *bar* is the one after *before*.
  follows(before, bar) {
    return before && bar.x - before.x < 1.5 * this.data.barSpacing
  }
}

const DOTS = [1, 3]
const DASHES = [5, 4]

class Line extends View {
  paint(context, bars, { wide, high, y }) {
    const { color, width, steps, dash } = this.options
    context.strokeStyle = context.fillStyle = color
    context.lineWidth = width * high
    context.lineJoin = "round"
    let before = null
    let dotted = null
    const begin = (bar, pattern) => {
      context.stroke()
      context.beginPath()
      context.setLineDash(pattern.map((part) => part * high))
      context.moveTo(bar.x * wide, y(bar.originalData.value))
    }
    context.beginPath()
    bars.forEach((bar, n) => {
      const { value, partial } = bar.originalData
      const at = [bar.x * wide, y(value)]
      if (!this.follows(before, bar)) {
        begin(bar, [])
        dotted = null
        // A value between two gaps is no line.
        if (!bars[n + 1] || !this.follows(bar, bars[n + 1]))
          context.fillRect(at[0] - high, at[1] - high, 2 * high, 2 * high)
      } else {
        if (dotted !== Boolean(partial)) {
          dotted = Boolean(partial)
          begin(before, dash === "dashed" ? DASHES : dotted ? DOTS : [])
        }
        if (steps) context.lineTo(at[0], y(before.originalData.value))
        context.lineTo(...at)
      }
      before = bar
    })
    context.stroke()
  }
}

const hatches = new Map()

function hatched(context, color, ratio) {
  const key = `${color} ${ratio}`
  if (!hatches.has(key)) {
    const size = Math.round(5 * ratio)
    const tile = Object.assign(document.createElement("canvas"), { width: size, height: size })
    const brush = tile.getContext("2d")
    brush.strokeStyle = color
    brush.lineWidth = 1.3 * ratio
    brush.beginPath()
    for (const shift of [-size, 0, size]) {
      brush.moveTo(shift, size)
      brush.lineTo(shift + size, 0)
    }
    brush.stroke()
    hatches.set(key, context.createPattern(tile, "repeat"))
  }
  return hatches.get(key)
}

class Columns extends View {
  priceValueBuilder(row) {
    return [0, row.value]
  }

  paint(context, bars, { wide, high, y }) {
    const { color, down } = this.options
    const width = Math.max(Math.round(0.8 * this.data.barSpacing * wide), 1)
    const zero = Math.round(y(0))
    for (const bar of bars) {
      const { value, partial } = bar.originalData
      const left = Math.round(bar.x * wide - width / 2)
      const top = Math.round(y(value))
      const side = value < 0 ? down : color
      context.fillStyle = partial ? hatched(context, side, high) : side
      context.fillRect(left, Math.min(top, zero), width, Math.max(Math.abs(zero - top), 1))
    }
  }
}

class Band extends View {
  isWhitespace(row) {
    return row.upper === undefined
  }

  priceValueBuilder(row) {
    return [row.lower, row.upper, row.middle]
  }

  paint(context, bars, { wide, high, y }) {
    const runs = []
    bars.forEach((bar, n) => {
      if (!this.follows(bars[n - 1], bar)) runs.push([])
      runs.at(-1).push(bar)
    })
    for (const run of runs) {
      const edge = (name, bars) => bars.map((bar) => [bar.x * wide, y(bar.originalData[name])])
      context.beginPath()
      for (const at of [...edge("upper", run), ...edge("lower", run.toReversed())])
        context.lineTo(...at)
      context.fillStyle = this.options.shade
      context.fill()
      context.strokeStyle = this.options.color
      context.lineWidth = high
      for (const [name, dash] of [["upper", []], ["lower", []], ["middle", DOTS]]) {
        context.setLineDash(dash.map((part) => part * high))
        context.beginPath()
        for (const at of edge(name, run)) context.lineTo(...at)
        context.stroke()
      }
    }
  }
}

class Lanes extends View {
  isWhitespace(row) {
    return row.marks === undefined
  }

  priceValueBuilder(row) {
    return row.marks.map((mark) => mark.lane)
  }

  paint(context, bars, { wide, high, y }) {
    context.lineWidth = 1.6 * high
    for (const bar of bars)
      for (const { lane, color, shape } of bar.originalData.marks) {
        const [x, at, size] = [bar.x * wide, y(lane), 4.5 * high]
        context.strokeStyle = context.fillStyle = color
        context.beginPath()
        context.moveTo(x, at - size)
        if (shape === "diamond") {
          context.lineTo(x + size, at)
          context.lineTo(x, at + size)
          context.lineTo(x - size, at)
          context.fill()
        } else if (shape === "square") {
          context.fillRect(x - size, at - size, 2 * size, 2 * size)
        } else {
          context.lineTo(x, at + size)
          context.stroke()
        }
      }
  }
}
