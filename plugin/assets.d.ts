declare module '*.css' {
  const text: string;
  export default text;
}
declare module '*.jpg' {
  /** A data: address. */
  const address: string;
  export default address;
}
