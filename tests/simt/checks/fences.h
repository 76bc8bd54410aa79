// Knows what fences and atomics order within a launch: a store behind a fence publishes what its thread
// knows, and whoever reads the word knows it too.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "checks/shadow.h"
#include "simt/machine.h"

namespace simt {

class Fences {
 public:
  // The thread that acts, and until when everything of its block and of its warp comes before it. `row` holds
  // the same for each lane of the warp, or is null.
  struct Actor {
    std::uint32_t block;
    int thread;
    std::uint64_t barrier, warp;
    const std::array<std::uint64_t, 32>* row;
  };

  // `used` says that it will use barriers of clusters, which order as fences do.
  void start_launch(bool used);
  // Returns whether the launch has used any fence.
  bool used() const { return used_; }
  void fence(const Actor& actor, Scope scope);
  // Notes a store to the word: it publishes what came before the thread's last fence.
  void release(const Actor& actor, std::uintptr_t word, Scope scope);
  // Notes a load of the word. If it is `relaxed`, the thread knows more only after its next fence.
  void acquire(const Actor& actor, std::uintptr_t word, bool relaxed);
  // Notes that all threads of the block (of which `live` have not returned) or some lanes of a warp met.
  void meet(std::uint32_t block, int live);
  void meet(std::uint32_t block, int warp, unsigned lanes);
  // Notes that the threads of these blocks, which have each met, meet. The word is none of a variable, and
  // the same whenever these blocks meet.
  void meet(const std::vector<std::uint32_t>& blocks, std::uintptr_t word);

  // Returns whether a use of this launch comes before the actor. `word` is what it used: an update of a word
  // that the actor has read is known to have happened even if no fence is behind it.
  bool comes_before(Use use, std::uint32_t block, std::uintptr_t word, const Actor& actor) const;
  bool knows_others(const Actor& actor) const;

 private:
  struct Word;
  struct Position {  // the first `count` releases of a word
    Word* word;
    std::size_t count;
  };
  struct Release {
    std::uint32_t block;
    int thread;          // -1: the whole block
    std::uint64_t time;  // of the fence
    std::uint64_t barrier, warp;
    std::vector<std::uint64_t> row;
    std::vector<Position> known;
    Scope scope;
    std::uint64_t stored;  // when
  };
  struct Word {
    std::vector<Release> releases;
    std::unordered_map<std::uint32_t, std::vector<std::size_t>> of_block;
  };
  struct Knowledge {
    std::vector<Position> known, pending;
    std::vector<Release> fenced;
  };
  struct Block {
    Knowledge all;  // what every thread knows since they met
    std::unordered_map<int, Knowledge> threads;
  };
  using Visited = std::unordered_map<const Word*, std::size_t>;

  static void add(std::vector<Position>& to, Position position);
  static void add(std::vector<Release>& to, const Release& release);
  static void add(Knowledge& to, const Knowledge& from);
  static void publish(Word& word, Release release);
  static bool covers(const Release& release, Use use, std::uint64_t limit);
  const Block* find(std::uint32_t block) const;

  bool used_ = false;
  std::unordered_map<std::uintptr_t, Word> words_;
  std::unordered_map<std::uint32_t, Block> blocks_;
};

}  // namespace simt
