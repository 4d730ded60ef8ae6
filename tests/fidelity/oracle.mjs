// An emulator that is not ours: @xterm/headless. Reads one JSON request a line, answers with one line of JSON.
// A request is {columns, rows, data: base64}; the answer is what the terminal shows and holds after data.
import { createInterface } from 'node:readline';
import { createRequire } from 'node:module';

const require = createRequire(`${process.env.XTERM_HEADLESS ?? process.cwd()}/`);
const { Terminal } = require('@xterm/headless');
const { UnicodeGraphemesAddon } = require('@xterm/addon-unicode-graphemes');

function cells(line, columns) {
  const out = [];
  for (let x = 0; x < columns; x++) {
    const cell = line.getCell(x);
    const flags = [cell.isBold(), cell.isItalic(), cell.isDim(), cell.isUnderline(), cell.isBlink(), cell.isInverse(),
      cell.isInvisible(), cell.isStrikethrough(), cell.isOverline()].map((on) => (on ? 1 : 0)).join('');
    const colours = [cell.getFgColorMode(), cell.getFgColor(), cell.getBgColorMode(), cell.getBgColor()].join(',');
    // A cell never written and one that holds a blank look the same.
    out.push([cell.getChars() || (cell.getWidth() ? ' ' : ''), flags, colours]);
  }
  return out;
}

function buffer(source, columns, rows) {
  const lines = [];
  for (let y = 0; y < source.length; y++) {
    const line = source.getLine(y);
    lines.push({ wrapped: line.isWrapped, cells: cells(line, columns) });
  }
  return { scrollback: lines.slice(0, source.baseY), screen: lines.slice(source.baseY, source.baseY + rows) };
}

function state(terminal, columns, rows) {
  const { active, normal } = terminal.buffer;
  return {
    active: active.type,
    cursor: [active.cursorY, active.cursorX],
    normal: buffer(normal, columns, rows),
    alternate: active.type === 'alternate' ? buffer(active, columns, rows) : null,
    modes: { ...terminal.modes, synchronizedOutputMode: false },
  };
}

async function answer(request) {
  const { columns, rows, data } = request;
  const terminal = new Terminal({ cols: columns, rows, scrollback: 100000, allowProposedApi: true, logLevel: 'off' });
  terminal.loadAddon(new UnicodeGraphemesAddon());
  terminal.unicode.activeVersion = '15-graphemes';
  await new Promise((resolve) => terminal.write(Buffer.from(data, 'base64'), resolve));
  const result = state(terminal, columns, rows);
  terminal.dispose();
  return result;
}

for await (const line of createInterface({ input: process.stdin })) {
  let out;
  try {
    out = await answer(JSON.parse(line));
  } catch (error) {
    out = { error: String(error) };
  }
  process.stdout.write(`${JSON.stringify(out)}\n`);
}
