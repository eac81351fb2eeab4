/** ASCII of which nodeprep only makes small letters (RFC 6122, appendix A.5), in the length that a user can have. */
const PLAIN_USER = /^[!#-%(-.0-9;=?A-Z[-~]{1,1023}$/;
/** Likewise for nameprep and the labels of a host name. */
const PLAIN_DOMAIN = /^(?=.{1,1023}$)[a-zA-Z0-9-]+(?:\.[a-zA-Z0-9-]+)*$/;

/** @returns the user in the form in which servers send it, or `undefined` if that needs the tables of stringprep */
export function preparePlainUser(text: string): string | undefined {
  return PLAIN_USER.test(text) ? text.toLowerCase() : undefined;
}

/** @returns the domain in the form in which servers send it, or `undefined` if that needs the tables of stringprep */
export function preparePlainDomain(text: string): string | undefined {
  return PLAIN_DOMAIN.test(text) ? text.toLowerCase() : undefined;
}
