// Values and times in words, as analytics/formats.py writes them.

const ABSENT = "–"
const LETTERS = [[1e12, "T"], [1e9, "B"], [1e6, "M"], [1e3, "K"]]
const LOWERED = "₀₁₂₃₄₅₆₇₈₉"

function grouped(value, digits) {
  return value.toLocaleString("en-US", {
    minimumFractionDigits: digits, maximumFractionDigits: digits,
  })
}

function lettered(size) {
  // 999,999 is a million, because as thousands it would round to 1,000.00K.
  const [scale, letter] = LETTERS.find(([one]) => (Math.round(size / one * 1e5) / 1e5) >= 0.999995)
    ?? [1, ""]
  return `${grouped(size / scale, 2)}${letter}`
}

function priced(size) {
  if (size === 0) return "0.00"
  const [figures, power] = size.toExponential(5).split("e")
  const zeros = -Number(power) - 1
  if (zeros < 4) return grouped(size, Math.max(5 - Number(power), 2))
  const told = figures.replace(".", "").replace(/0+$/, "").padEnd(3, "0")
  return `0.0${[...String(zeros)].map((digit) => LOWERED[digit]).join("")}${told}`
}

// `how` is what scales.py says: style, digits, sign, plus, suffix.
function written(value, how) {
  if (!Number.isFinite(value)) return ABSENT
  if (how.style === "squares") return "■".repeat(value >= 1 && value <= how.digits ? value : 0)
  const size = Math.abs(value)
  const words = how.style === "letters" ? lettered(size)
    : how.style === "price" ? priced(size) : grouped(size, how.digits)
  const isZero = /^[0.,]*$/.test(words)
  const mark = isZero ? "" : value < 0 ? "-" : how.plus ? "+" : ""
  return `${mark}${how.sign}${words}${how.suffix}`
}

// On the axis: no plus, and no zeros that say nothing.
function tick(value, how) {
  const plain = written(value, { ...how, plus: false })
  if (how.style !== "letters" && how.style !== "fixed") return plain
  return plain.replace(/(\.\d*?)0+(?=\D*$)/, "$1").replace(/\.(?=\D*$)/, "")
}

const DAY = { weekday: "short", day: "2-digit", month: "short", year: "numeric" }
const CLOCK = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }
const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone
const UTC_TIME = new Intl.DateTimeFormat("en-GB", { ...DAY, ...CLOCK, timeZone: "UTC" })
const LOCAL_TIME = new Intl.DateTimeFormat("en-GB", { weekday: "short", ...CLOCK })

function utc(seconds) {
  return `${UTC_TIME.format(1000 * seconds).replaceAll(",", "")} UTC`
}

// With the user's own time beside it, where that is another one.
function pointedAt(seconds) {
  const at = new Date(1000 * seconds)
  const isUtc = at.getTimezoneOffset() === 0
  return isUtc ? utc(seconds) : `${utc(seconds)} · ${LOCAL_TIME.format(at)} ${ZONE}`
}
