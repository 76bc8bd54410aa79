// Tests checkpoints: the round trip, the refusal of what does not fit, and that a refusal changes nothing.
#include <filesystem>
#include <fstream>

#include "engine/init.h"
#include "engine/io/checkpoint.h"
#include "engine/io/safetensors.h"
#include "tests/support/catch.h"
#include "tests/support/error_text.h"
#include "tests/support/temp_dir.h"

namespace stillpoint {
namespace {

struct Model {
  Tensor w, b, omega;
  template <class P>
  void params(P& p) {
    p("w", w);
    p("b", b);
    p.buffer("omega", omega);
  }
};

Model make_model(std::uint64_t seed, Index width = 4, DType dtype = DType::float32) {
  Initializer init(seed, {dtype});
  return {init.normal({width, 3}, 1), init.normal({width}, 1), init.normal({2, 3}, 1).detach()};
}

}  // namespace

TEST_CASE("a checkpoint restores parameters, buffers, optimiser state and record", "[checkpoint]") {
  const test::TempDir folder;
  const auto path = folder.path() / "c.safetensors";
  Model a = make_model(1), b = make_model(2);
  const ParamList pa = params_of(a), pb = params_of(b);
  Optimiser oa(pa, {}), ob(pb, {});
  const auto gradients = [](const Model& m) { return std::vector<Tensor>{m.w.detach(), m.b.detach()}; };
  oa.update(gradients(a), 0.1);
  save_checkpoint(path, pa, &oa, {{"task", "t"}, {"step", 1}});
  load_checkpoint(path, pb, &ob);
  ob.set_steps(1);
  CHECK(read_checkpoint_record(path)["step"] == 1);
  CHECK(b.omega.values() == a.omega.values());
  // One more step from equal states must give equal bits.
  oa.update(gradients(a), 0.1);
  ob.update(gradients(b), 0.1);
  CHECK(a.w.values() == b.w.values());
  CHECK(a.b.values() == b.b.values());
}

TEST_CASE("a checkpoint of another model is refused and changes nothing", "[checkpoint]") {
  const test::TempDir folder;
  const auto path = folder.path() / "c.safetensors";
  Model wide = make_model(1, 5), narrow = make_model(2), precise = make_model(3, 5, DType::float64);
  save_checkpoint(path, params_of(wide), nullptr, {{"task", "t"}});
  const std::vector<double> before = narrow.omega.values();
  CHECK_THAT(error_text([&] { load_checkpoint(path, params_of(narrow), nullptr); }),
             mentions("c.safetensors", "model/w", "(5, 3)", "(4, 3)"));
  CHECK(narrow.omega.values() == before);
  CHECK_THAT(error_text([&] { load_checkpoint(path, params_of(precise), nullptr); }), mentions("F32", "F64"));
  Optimiser optimiser(params_of(wide), {});
  CHECK_THAT(error_text([&] { load_checkpoint(path, params_of(wide), &optimiser); }),
             mentions("optimiser/m/w"));
  Model less = make_model(1, 5);
  less.b = Tensor();
  CHECK_THAT(error_text([&] { load_checkpoint(path, params_of(less), nullptr); }),
             mentions("model/b", "only tensors of this model"));

  Optimiser adam(params_of(wide), {}), momentum(params_of(wide), {.kind = "sgd", .momentum = 0.9});
  save_checkpoint(path, params_of(wide), &adam, {{"task", "t"}});
  CHECK_THAT(error_text([&] { load_checkpoint(path, params_of(wide), &momentum); }),
             mentions("optimiser/v/", "and optimiser"));
  load_checkpoint(path, params_of(wide), nullptr);  // an evaluation needs no optimiser
}

TEST_CASE("a safetensors file that is not a checkpoint is refused", "[checkpoint]") {
  const test::TempDir folder;
  const auto path = folder.path() / "other.safetensors";
  save_safetensors(path, {}, {});
  CHECK_THAT(error_text([&] { read_checkpoint_record(path); }),
             mentions("other.safetensors", "record", "checkpoint.safetensors"));
  save_safetensors(path, {}, {{"stillpoint", "no json"}});
  CHECK_THAT(error_text([&] { read_checkpoint_record(path); }), mentions("JSON", "damaged"));
  CHECK_THAT(error_text([&] { read_checkpoint_record(folder.path() / "none"); }), mentions("none"));
}

TEST_CASE("a checkpoint with any bit flipped is refused", "[checkpoint]") {
  const test::TempDir folder;
  const auto path = folder.path() / "c.safetensors";
  Model model = make_model(1, 1);
  const ParamList params = params_of(model);
  save_checkpoint(path, params, nullptr, {{"task", "t"}, {"step", 1}});
  const std::string whole = read_file(path);
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  const auto put = [&](std::size_t at, char byte) { file.seekp(std::streamoff(at)).put(byte).flush(); };
  std::size_t passed = 0;
  for (std::size_t bit = 0; bit < 8 * whole.size(); ++bit) {
    const std::size_t at = bit / 8;
    put(at, char(whole[at] ^ 1 << bit % 8));
    if (error_text([&] { read_checkpoint_record(path); }).empty()) ++passed;
    if (error_text([&] { load_checkpoint(path, params, nullptr); }).empty()) ++passed;
    put(at, whole[at]);
  }
  CHECK(passed == 0);
  load_checkpoint(path, params, nullptr);
}

TEST_CASE("a checkpoint from before there were sums is read, one whose sum was removed is not",
          "[checkpoint]") {
  const test::TempDir folder;
  const auto path = folder.path() / "c.safetensors";
  const float value = 2;
  const std::vector<SafetensorsEntry> entries{{"model/w", "F32", {1}, std::as_bytes(std::span(&value, 1))}};
  save_safetensors(path, entries, {{"stillpoint", R"({"task": "t"})"}});
  CHECK(read_checkpoint_record(path) == Json{{"task", "t"}});
  save_safetensors(path, entries, {{"stillpoint", R"({"task": "t", "sum": "crc32c"})"}});
  CHECK_THAT(error_text([&] { read_checkpoint_record(path); }),
             mentions("c.safetensors", "crc32c sum", "damaged"));
}

}  // namespace stillpoint
