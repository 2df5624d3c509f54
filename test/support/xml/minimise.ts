// A document that shows a fault, as small as cutting pieces out of it makes it.

/** Cuts out whatever `fails` does not need, in ever smaller pieces, then tags in pairs; asks it so often at most. */
export async function minimise(
  document: Buffer,
  fails: (smaller: Buffer) => Promise<boolean>,
  most = 5000,
): Promise<Buffer> {
  let left = most;
  const ask = (smaller: Buffer) => left-- > 0 && fails(smaller);
  let present = document;
  for (let before = -1; before !== present.length && left > 0; ) {
    before = present.length;
    present = await withoutPieces(present, ask);
    present = await withoutPairs(present, ask);
  }
  return present;
}

type Ask = (smaller: Buffer) => Promise<boolean> | false;

async function withoutPieces(document: Buffer, ask: Ask): Promise<Buffer> {
  let present = document;
  for (let size = present.length >> 1; size > 0; size >>= 1) {
    for (let at = 0; at < present.length; ) {
      const smaller = Buffer.concat([present.subarray(0, at), present.subarray(at + size)]);
      if (await ask(smaller)) present = smaller;
      else at += size;
    }
  }
  return present;
}

/** Start tags go together with their end tags, and what is between them stays. */
async function withoutPairs(document: Buffer, ask: Ask): Promise<Buffer> {
  let present = document.toString('latin1');
  for (let at = present.indexOf('<'); at >= 0; at = present.indexOf('<', at + 1)) {
    const [start, name] = /^<([^\s/>]+)(?:[^>]*[^/>])?>/.exec(present.slice(at)) ?? [];
    if (start === undefined) continue;
    const end = new RegExp(`</${name!.replace(/\W/g, '\\$&')}\\s*>`, 'g');
    const inner = present.slice(at + start.length);
    for (const { index, 0: tag } of inner.matchAll(end)) {
      const smaller = present.slice(0, at) + inner.slice(0, index) + inner.slice(index + tag.length);
      if (!(await ask(Buffer.from(smaller, 'latin1')))) continue;
      present = smaller;
      at--;
      break;
    }
  }
  return Buffer.from(present, 'latin1');
}
