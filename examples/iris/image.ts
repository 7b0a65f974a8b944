import { Image } from "lamella";

export default Image.fromDebianBase({
  pythonVersion: "3.11",
  installFlyte: false,
  registry: "localhost:5000",
  name: "iris",
})
  .withPipPackages("scikit-learn", "pandas")
  .withSourceFolder("./src", "/app")
  .withWorkdir("/app");
