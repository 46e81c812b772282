/** The style sheet as text, made small by the build (`hatch_build.py`). */
declare module "widget.css" {
  const css: string;
  export default css;
}
