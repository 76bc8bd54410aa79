// Splits a real matrix by its eigenvalues: for any group of them it gives the invariant block and projector.
#pragma once
#include <complex>
#include <memory>
#include <vector>

#include "engine/tensor.h"

namespace stillpoint {

using Eigenvalues = std::vector<std::complex<double>>;

// What an ordered Schur form shows of a group of eigenvalues that stands first: T = (T11 T12; 0 T22).
struct SchurBlock {
  std::complex<double> mean;
  double spread = 0;     // the largest distance of an eigenvalue of T11 from their mean
  double coupling = 0;   // Frobenius norm of the strictly upper part of T11; 0 if T11 is diagonal
  double projector = 1;  // ||P|| = sqrt(1 + ||X||^2) with T11 X - X T22 = -T12: dT11 is at most ||P|| ||dK||
};

// Eigenvectors of norm one as columns, in the order of the eigenvalues: K v_i = lambda_i v_i and w_i^T K =
// lambda_i w_i^T. A defective eigenvalue has parallel columns.
struct ComplexMatrix {
  Tensor real, imaginary;  // (n,n)
};
struct EigenvectorPair {
  ComplexMatrix right, left;
};

// The Schur form of a balanced matrix: balancing by powers of two is an exact similarity.
class OrderedSchur {
 public:
  // Throws Error if the QR iteration does not converge. `matrix` is a float64 square matrix.
  explicit OrderedSchur(const Tensor& matrix);
  ~OrderedSchur();

  // By falling modulus; conjugates are exact conjugates. Groups are lists of indices into this list.
  const Eigenvalues& eigenvalues() const { return eigenvalues_; }
  // Frobenius norm of the balanced matrix.
  double norm() const;
  SchurBlock block(const std::vector<Index>& group) const;
  // Re(factor P) (n,n), P the spectral projector of the group, for the matrix as it was given.
  Tensor projector(const std::vector<Index>& group, std::complex<double> factor = 1) const;
  // ||P|| of every eigenvalue that stands for itself.
  std::vector<double> projector_norms() const;
  EigenvectorPair eigenvectors() const;
  // Returns W^H K W, upper triangular, with orthonormal columns W that span the invariant space of at most
  // `most` eigenvalues of the largest moduli; all of K if it has no more. Conjugates stay together.
  ComplexMatrix leading_triangle(Index most) const;

 private:
  struct Form;
  std::unique_ptr<Form> form_;
  Eigenvalues eigenvalues_;
};

}  // namespace stillpoint
