// Implements the order of fences and atomics. Nothing is copied at an atomic: a thread remembers how many
// releases of a word it has seen, and a search follows these from release to release.
#include "checks/fences.h"

#include <algorithm>

namespace simt {

void Fences::start_launch(bool used) {
  used_ = used;
  if (!words_.empty()) words_.clear();
  if (!blocks_.empty()) blocks_.clear();
}

void Fences::add(std::vector<Position>& to, Position position) {
  for (Position& each : to)
    if (each.word == position.word) {
      each.count = std::max(each.count, position.count);
      return;
    }
  to.push_back(position);
}

// A later fence of the same thread, or of its whole block, covers an earlier one of the same scope.
void Fences::add(std::vector<Release>& to, const Release& release) {
  std::erase_if(to, [&](const Release& old) {
    const bool covered = old.block == release.block && (old.thread == release.thread || release.thread < 0);
    return covered && old.time <= release.time && old.scope <= release.scope;
  });
  to.push_back(release);
}

void Fences::add(Knowledge& to, const Knowledge& from) {
  for (const Position& position : from.known) add(to.known, position);
  for (const Release& release : from.fenced) add(to.fenced, release);
}

const Fences::Block* Fences::find(std::uint32_t block) const {
  const auto found = blocks_.find(block);
  return found == blocks_.end() ? nullptr : &found->second;
}

void Fences::fence(const Actor& actor, Scope scope) {
  used_ = true;
  Block& block = blocks_[actor.block];
  Knowledge& own = block.threads[actor.thread];
  for (const Position& position : own.pending) add(own.known, position);
  own.pending.clear();
  Release release{.block = actor.block,
                  .thread = actor.thread,
                  .time = tick(),
                  .barrier = actor.barrier,
                  .warp = actor.warp,
                  .row = {},
                  .known = own.known,
                  .scope = scope,
                  .stored = 0};
  if (actor.row != nullptr) release.row.assign(actor.row->begin(), actor.row->end());
  for (const Position& position : block.all.known) add(release.known, position);
  add(own.fenced, release);
}

// Another store behind the same fence only moves the time.
void Fences::publish(Word& word, Release release) {
  release.stored = now();
  auto& mine = word.of_block[release.block];
  const std::size_t recent = std::min<std::size_t>(mine.size(), 16);
  for (auto at = mine.rbegin(); at != mine.rbegin() + std::ptrdiff_t(recent); ++at) {
    Release& old = word.releases[*at];
    if (old.thread != release.thread || old.time != release.time || old.scope != release.scope) continue;
    old.stored = release.stored;
    return;
  }
  mine.push_back(word.releases.size());
  word.releases.push_back(std::move(release));
}

void Fences::release(const Actor& actor, std::uintptr_t word, Scope scope) {
  const Block* const block = find(actor.block);
  if (block == nullptr) return;
  const auto publish_all = [&](const Knowledge& from) {
    for (Release release : from.fenced) {
      release.scope = std::min(release.scope, scope);
      publish(words_[word], std::move(release));
    }
  };
  publish_all(block->all);
  if (const auto own = block->threads.find(actor.thread); own != block->threads.end())
    publish_all(own->second);
}

void Fences::acquire(const Actor& actor, std::uintptr_t word, bool relaxed) {
  const auto found = words_.find(word);
  if (found == words_.end()) return;
  Knowledge& own = blocks_[actor.block].threads[actor.thread];
  add(relaxed ? own.pending : own.known, {&found->second, found->second.releases.size()});
}

// If every thread has made a fence since they met last, the whole block has.
void Fences::meet(std::uint32_t block, int live) {
  const auto found = blocks_.find(block);
  if (found == blocks_.end() || found->second.threads.empty()) return;
  Block& b = found->second;
  int fenced = 0;
  Scope scope = Scope::device;
  for (const auto& [thread, knowledge] : b.threads) {
    for (const Position& position : knowledge.known) add(b.all.known, position);
    if (knowledge.fenced.empty()) continue;
    ++fenced;
    scope = std::min(scope, knowledge.fenced.back().scope);
  }
  if (fenced >= live) {
    const std::uint64_t time = now();
    add(b.all.fenced, {block, -1, time, time, time, {}, b.all.known, scope, 0});
  } else {
    for (const auto& [thread, knowledge] : b.threads)
      for (const Release& release : knowledge.fenced) add(b.all.fenced, release);
  }
  b.threads.clear();
}

void Fences::meet(std::uint32_t block, int warp, unsigned lanes) {
  const auto found = blocks_.find(block);
  if (found == blocks_.end() || found->second.threads.empty()) return;
  auto& threads = found->second.threads;
  Knowledge all;
  for (int lane = 0; lane < 32; ++lane)
    if (const auto own = threads.find(warp * 32 + lane); (lanes >> lane & 1) != 0 && own != threads.end())
      add(all, own->second);
  if (all.known.empty() && all.fenced.empty()) return;
  for (int lane = 0; lane < 32; ++lane)
    if ((lanes >> lane & 1) != 0) add(threads[warp * 32 + lane], all);
}

void Fences::meet(const std::vector<std::uint32_t>& blocks, std::uintptr_t at) {
  used_ = true;
  Word& word = words_[at];
  for (const std::uint32_t block : blocks) {
    const std::uint64_t time = tick();
    publish(word, {block, -1, time, time, time, {}, blocks_[block].all.known, Scope::device, 0});
  }
  for (const std::uint32_t block : blocks) add(blocks_[block].all.known, {&word, word.releases.size()});
}

bool Fences::covers(const Release& r, Use use, std::uint64_t limit) {
  if (r.thread < 0 || use.thread() == r.thread) return use.time() < limit || use.time() < r.barrier;
  if (use.time() < r.barrier) return true;
  if (use.thread() / 32 != r.thread / 32) return false;
  return use.time() < r.warp || (!r.row.empty() && use.time() < r.row[std::size_t(use.thread() % 32)]);
}

bool Fences::comes_before(Use use, std::uint32_t block, std::uintptr_t at, const Actor& actor) const {
  const Block* const own = find(actor.block);
  if (own == nullptr) return false;
  std::vector<Position> open = own->all.known;
  if (const auto mine = own->threads.find(actor.thread); mine != own->threads.end())
    open.insert(open.end(), mine->second.known.begin(), mine->second.known.end());
  const auto word_used = words_.find(at);
  const Word* const same = word_used == words_.end() ? nullptr : &word_used->second;
  Visited visited;
  while (!open.empty()) {
    const auto [word, count] = open.back();
    open.pop_back();
    std::size_t& seen = visited[word];
    if (count <= seen) continue;
    if (const auto of = word->of_block.find(block); of != word->of_block.end())
      for (const std::size_t i : of->second) {
        if (i < seen || i >= count) continue;
        const Release& r = word->releases[i];
        if (r.scope == Scope::block && block != actor.block) continue;
        if (covers(r, use, word == same ? r.stored + 1 : r.time)) return true;
      }
    for (std::size_t i = seen; i < count; ++i)
      open.insert(open.end(), word->releases[i].known.begin(), word->releases[i].known.end());
    seen = count;
  }
  return false;
}

bool Fences::knows_others(const Actor& actor) const {
  const Block* const own = find(actor.block);
  if (own == nullptr) return false;
  const auto mine = own->threads.find(actor.thread);
  return !own->all.known.empty() || (mine != own->threads.end() && !mine->second.known.empty());
}

}  // namespace simt
