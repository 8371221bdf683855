# frozen_string_literal: true

module Hyperglyph
  # An ordered dict: its pairs are sent, and come back, in this order. A Hash is a dict, whose order
  # has no meaning.
  class OrderedHash < Hash
    # Of two ordered ones the order counts; beside a Hash it does not.
    def ==(other)
      super && (!other.is_a?(OrderedHash) || keys == other.keys)
    end

    # The same pairs in the same order, in an OrderedHash.
    def eql?(other)
      other.is_a?(OrderedHash) && super && keys.eql?(other.keys)
    end

    def hash
      [OrderedHash, to_a].hash
    end

    def inspect
      "#<Hyperglyph::OrderedHash #{super}>"
    end
    alias to_s inspect
  end
end
