import { render } from "preact";
import { Night } from "./Night";

const root = document.getElementById("root");
const response = document.getElementById("response");
if (root && response?.textContent) {
  render(<Night response={JSON.parse(response.textContent)} />, root);
}
