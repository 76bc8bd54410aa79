// A data set of sequences: its files, its parts, and what they decide about the settings.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "tasks/sequences/sequence_set.h"
#include "tasks/sequences/sequence_settings.h"

namespace stillpoint {

struct SequenceData {
  SequenceSet set;
  std::vector<Index> train, valid, test;  // rows of the set
  SequenceSettings settings;              // with nothing left open
  std::uint64_t digest = 0;               // of set, before anything is scaled
  std::string note;                       // for the user
};

// Loads a file, of which a tenth is drawn to test, always the same, and a tenth to validate, by the seed; or
// a folder with train, test and perhaps valid, each .csv, .tsv, .npy or .npz. An .npz has x (n,steps) or
// (n,steps,channels), y (n) or (n,values) and perhaps lengths (n), or x_train, y_train, x_test and so on.
// retrain: `train` has the sequences of `valid`, too. Throws Error if files are missing or hold something
// else, if a class has no sequence to train on, or if all numbers are the same.
SequenceData load_sequences(const std::filesystem::path& path, const SequenceSettings& settings,
                            std::uint64_t seed, bool retrain);

// Returns the sequences of one file for a model with these settings, which leave nothing open; without
// targets.
SequenceSet load_inputs(const std::filesystem::path& file, const SequenceSettings& settings);

// Appends a file's sequences; `part` names the arrays of an .npz as in x_train.
void append_sequences(const std::string& where, std::string_view bytes, bool by_tabs, const std::string& part,
                      const SequenceSettings& settings, SequenceScan& scan);

}  // namespace stillpoint
