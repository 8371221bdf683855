# frozen_string_literal: true

module Hyperglyph
  # A set that came in key position: a Set that is frozen, and keeps its hash. A plain one would count
  # it anew at each of the sets that it is nested in.
  class FrozenSet < Set
    def freeze
      @code ||= hash
      super
    end

    def hash
      @code || super
    end
  end
end
