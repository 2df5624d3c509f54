// The status codes by which rooms say what a presence means (XEP-0045 §12).

import type { Element } from 'enjamb/api';

/** Whether `x` holds this status code, such as 110: "this presence is your own". */
export function hasStatus(x: Element, code: string): boolean {
  return x.getChildren('status').some((status) => status.attrs.code === code);
}
