// The little Markdown that the pages need.

/** Says where a page comes from, to whoever opens it to change it. */
export const GENERATED =
  '<!-- Written by `npm run docs`. Change the code it follows from, not this page. -->';

/** A table; a bar in a cell is no border. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

export function code(text: string): string {
  return `\`${text}\``;
}

/** Blocks with an empty line between them, and a line break at the end. */
export function page(...blocks: readonly (string | undefined)[]): string {
  return `${blocks.filter((block) => block !== undefined).join('\n\n')}\n`;
}
