# frozen_string_literal: true

module Hyperglyph
  # A span of time with years or months, which have no fixed length (section 7.3 of the standard).
  # Frozen. Twelve months are not one year.
  class Period
    MOST = 999_999_999

    # Whole numbers, and the rest, a Duration. All have one sign.
    attr_reader :years, :months, :rest

    # The rest is a Duration, or its parts: Period.new(months: 1, days: 2). ArgumentError without
    # years and months, and where the signs differ; RangeError beyond 999,999,999 of either.
    def initialize(years: 0, months: 0, rest: nil, **parts)
      raise ArgumentError, "the rest is given as a Duration, or in parts" if rest && !parts.empty?

      @years = Integer(years)
      @months = Integer(months)
      @rest = rest || Duration.new(**parts)
      raise RangeError, "a period has at most #{MOST} years, and as many months" if [@years.abs, @months.abs].max > MOST

      check
      freeze
    end

    def negative?
      @years.negative? || @months.negative?
    end

    def ==(other)
      other.is_a?(Period) && other.years == @years && other.months == @months && other.rest == @rest
    end
    alias eql? ==

    def hash
      [Period, @years, @months, @rest.microseconds].hash
    end

    # As it is written in messages.
    def to_s
      "#{'-' if negative?}P#{@years.abs}Y#{@months.abs}M#{Duration.spell(@rest.microseconds.abs)}"
    end

    def inspect
      "#<Hyperglyph::Period #{self}>"
    end

    private

    def check
      raise ArgumentError, "a span without years and months is a Duration" if @years.zero? && @months.zero?

      signs = [@years, @months, @rest.microseconds].map { |part| part <=> 0 } - [0]
      raise ArgumentError, "years, months and the rest must have one sign" if signs.uniq.size > 1
    end
  end
end
