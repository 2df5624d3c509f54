// Why the system refuses a file or a folder, and what to do about it, for the administrator.

const DENIED =
  'the user that runs the server has no permission; make that user the owner of data_path and of all files in it';
const WORDS: Readonly<Record<string, string>> = {
  EROFS: 'the file system is mounted read-only',
  EACCES: DENIED,
  EPERM: DENIED,
  ENOSPC: 'the disk is full',
  ENOTDIR: 'a part of the path is a file, not a directory',
};

/** Translates a system error about the server's data into a phrase; what it has no phrase for keeps its own. */
export function inWords(error: Error & { code?: string | undefined }): string {
  return WORDS[error.code ?? ''] ?? error.message;
}
