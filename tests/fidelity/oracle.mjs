// An emulator that is not ours: @xterm/headless. Reads one JSON request a line, answers with one line of JSON.
// A request is {columns, rows, unicode, writes: [base64 or [columns, rows]]}; what is written and the sizes that follow
// come in turn. The answer is what the terminal shows and holds in the end; with `text: true`, only the text of all lines
// that it was ever given to keep.
import { createInterface } from 'node:readline';
import { createRequire } from 'node:module';

const require = createRequire(`${process.env.XTERM_HEADLESS ?? process.cwd()}/`);
const { Terminal } = require('@xterm/headless');
const { UnicodeGraphemesAddon } = require('@xterm/addon-unicode-graphemes');
const { Unicode11Addon } = require('@xterm/addon-unicode11');

function cells(core, line, columns) {
  const out = [];
  for (let x = 0; x < columns; x++) {
    const cell = line.getCell(x);
    const flags = [cell.isBold(), cell.isItalic(), cell.isDim(), cell.isUnderline(), cell.isBlink(), cell.isInverse(),
      cell.isInvisible(), cell.isStrikethrough(), cell.isOverline()].map((on) => (on ? 1 : 0)).join('');
    const colours = [cell.getFgColorMode(), cell.getFgColor(), cell.getBgColorMode(), cell.getBgColor()].join(',');
    // No colour is none set, and all bits set after SGR 59.
    const bits = cell.extended.underlineColor;
    const chosen = bits !== 0 && (bits & 0x3ffffff) !== 0x3ffffff ? bits : '';
    const underline = cell.isUnderline() ? `${cell.getUnderlineStyle()},${chosen}` : '';
    const link = cell.hasExtendedAttrs() && core._oscLinkService.getLinkData(cell.extended.urlId);
    // A cell never written and one that holds a blank look the same.
    out.push([cell.getChars() || (cell.getWidth() ? ' ' : ''), flags, colours, underline,
      link ? `${link.id ?? ''};${link.uri}` : '']);
  }
  return out;
}

function buffer(core, source, columns, rows) {
  const lines = [];
  for (let y = 0; y < source.length; y++) {
    const line = source.getLine(y);
    lines.push({ wrapped: line.isWrapped, cells: cells(core, line, columns) });
  }
  return { scrollback: lines.slice(0, source.baseY), screen: lines.slice(source.baseY, source.baseY + rows) };
}

function charset(table) {
  return table ? `${table.q ?? ''}${table['#'] ?? ''}` : '';
}

function state(terminal, seen, columns, rows) {
  const { active, normal } = terminal.buffer;
  const core = terminal._core;
  const { coreService, _charsetService: charsets, coreMouseService: mouse } = core;
  const inner = core._bufferService.buffer;
  return {
    active: active.type,
    cursor: [active.cursorY, active.cursorX],
    normal: buffer(core, normal, columns, rows),
    alternate: active.type === 'alternate' ? buffer(core, active, columns, rows) : null,
    modes: { ...terminal.modes, synchronizedOutputMode: false },
    hidden: coreService.isCursorHidden,
    shape: [coreService.decPrivateModes.cursorStyle ?? '', coreService.decPrivateModes.cursorBlink ?? ''].join(),
    keypad: coreService.decPrivateModes.applicationKeypad,
    encoding: mouse.activeEncoding,
    margins: [inner.scrollTop, inner.scrollBottom],
    tabs: Object.keys(inner.tabs).map(Number).filter((x) => x > 0 && x < columns),
    charsets: [charset(charsets.charset), ...[0, 1, 2, 3].map((slot) => charset(charsets._charsets[slot]))],
    newline: terminal.options.convertEol === true,
    titles: [seen.title, core._inputHandler._iconName ?? ''],
    stack: [core._inputHandler._windowTitleStack, core._inputHandler._iconNameStack],
    palette: seen.palette,
  };
}

// Colours are events here, for whoever draws: 1 sets one, 2 takes one back, or all where it names none.
function colour(palette, event) {
  if (event.type === 1) {
    palette[event.index] = event.color.join();
  } else if (event.type === 2 && event.index === undefined) {
    Object.keys(palette).filter((index) => index < 256).forEach((index) => delete palette[index]);
  } else if (event.type === 2) {
    delete palette[event.index];
  }
}

// Lines are taken as they scroll off, and the terminal keeps few: a long scrollback costs it ten times as much. They must
// fit the width, so that no resize joins or breaks them.
const KEPT = 10000;
const PIECE = 8192; // bytes, in which no more lines can scroll off than are kept
const PULLED_BACK = 500; // lines that a taller window may take back from the scrollback

class Text {
  constructor(terminal) {
    this.normal = terminal.buffer.normal;
    this.trimmed = 0;
    this.lines = [];
    terminal._core._bufferService.buffers.normal.lines.onTrim((count) => { this.trimmed += count; });
    this.erased = false;
    terminal.parser.registerEscHandler({ final: 'c' }, () => { this.erased = true; return false; });
    terminal.parser.registerCsiHandler({ final: 'J' }, ([what]) => { this.erased ||= what === 3; return false; });
  }

  take(upTo) {
    while (this.lines.length < this.trimmed + upTo) {
      this.lines.push(this.normal.getLine(this.lines.length - this.trimmed).translateToString(true).trimEnd());
    }
  }

  async write(terminal, bytes) {
    for (let begin = 0; begin < bytes.length; begin += PIECE) {
      await new Promise((resolve) => terminal.write(bytes.subarray(begin, begin + PIECE), resolve));
      if (this.erased) {
        throw new Error('the scrollback was erased');
      }
      this.take(this.normal.baseY - PULLED_BACK);
    }
  }
}

async function text(request) {
  const { columns: cols, rows, writes } = request;
  const terminal = new Terminal({ cols, rows, scrollback: KEPT, allowProposedApi: true, logLevel: 'off' });
  const held = new Text(terminal);
  for (const step of writes) {
    if (typeof step === 'string') {
      await held.write(terminal, Buffer.from(step, 'base64'));
    } else {
      terminal.resize(...step);
    }
  }
  held.take(held.normal.length);
  terminal.dispose();
  return { text: held.lines };
}

async function answer(request) {
  let { columns, rows } = request;
  const terminal = new Terminal({
    cols: columns, rows, scrollback: 100000, allowProposedApi: true, logLevel: 'off', reflowCursorLine: true,
    windowOptions: { pushTitle: true, popTitle: true },
  });
  terminal.loadAddon(new UnicodeGraphemesAddon());
  terminal.loadAddon(new Unicode11Addon());
  terminal.unicode.activeVersion = request.unicode;
  const seen = { title: '', palette: {} };
  terminal.onTitleChange((title) => { seen.title = title; });
  terminal._core._inputHandler.onColor((events) => events.forEach((event) => colour(seen.palette, event)));
  for (const step of request.writes) {
    if (typeof step === 'string') {
      await new Promise((resolve) => terminal.write(Buffer.from(step, 'base64'), resolve));
    } else {
      [columns, rows] = step;
      terminal.resize(columns, rows);
    }
  }
  const result = state(terminal, seen, columns, rows);
  terminal.dispose();
  return result;
}

for await (const line of createInterface({ input: process.stdin })) {
  let out;
  try {
    const request = JSON.parse(line);
    out = await (request.text ? text(request) : answer(request));
  } catch (error) {
    out = { error: String(error) };
  }
  process.stdout.write(`${JSON.stringify(out)}\n`);
}
