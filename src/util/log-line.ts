// Formats a log line for people: time, level, message, fields. Control characters become visible.

const COLORS: Readonly<Record<string, string>> = {
  debug: '\u001b[90m',
  info: '\u001b[32m',
  warn: '\u001b[33m',
  error: '\u001b[31m',
};
const DIM = '\u001b[2m';
const RESET = '\u001b[0m';

/** Converts a JSON log line to a readable one; returns text that is not JSON unchanged. */
export function formatLogLine(json: string, color: boolean): string {
  const record = parse(json);
  if (record === undefined) return json;
  const { level = 'info', time = '', msg = '', ...fields } = record;
  const paint = (code: string, text: string) => (color ? `${code}${text}${RESET}` : text);
  const label = paint(COLORS[String(level)] ?? '', String(level).padEnd(5));
  const details = Object.entries(fields).map(
    ([name, value]) => ` ${paint(DIM, `${name}=`)}${showField(value)}`,
  );
  const clock = paint(DIM, String(time).slice(11, 23));
  return `${clock} ${label} ${visible(String(msg))}${details.join('')}${stackOf(fields)}\n`;
}

function parse(json: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function showField(value: unknown): string {
  if (typeof value === 'string') return /^[\w.:@/+-]+$/.test(value) ? value : JSON.stringify(visible(value));
  if (isError(value)) return JSON.stringify(`${value.type}: ${visible(value.message)}`);
  return visible(JSON.stringify(value) ?? '');
}

/** The stack of the first error among the fields, indented below the line. */
function stackOf(fields: Readonly<Record<string, unknown>>): string {
  const error = Object.values(fields).find(isError);
  if (error?.stack === undefined) return '';
  const frames = error.stack.split('\n').filter((line) => /^\s+at /.test(line));
  return frames.map((line) => `\n    ${visible(line.trim())}`).join('');
}

function isError(value: unknown): value is { type: string; message: string; stack?: string } {
  return typeof value === 'object' && value !== null && 'type' in value && 'message' in value;
}

/** Replaces control and direction characters, so that text of a peer cannot control the terminal. */
export function visible(text: string): string {
  return text.replaceAll(
    /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
