/** A chunk of its own: who looks at the list alone does not load it. */
export { Night } from "../night/Night";
export { Nights } from "../night/Nights";
